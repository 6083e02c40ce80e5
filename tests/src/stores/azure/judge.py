"""Reads secrets with Microsoft's own clients, for tests/tests/azure.rs: requests as JSON on stdin, verdicts on stdout.

A verdict is a value, or the code that a resolver has for the exception that the clients raise.
"""

import json
import re
import sys

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient


def verdict(client, asked):
    try:
        value = client.get_secret(asked["name"], asked["version"]).value
    except ResourceNotFoundError:
        return {"code": "NOT_FOUND"}
    except ClientAuthenticationError as error:
        # Several of these are raised while signing in: the status is that of Entra, or none.
        codes = re.findall(r"AADSTS\d+", error.message)
        return {"code": "UNAUTHENTICATED", "aadsts": codes[0] if codes else None, "message": error.message}
    except HttpResponseError as error:
        codes = {401: "UNAUTHENTICATED", 403: "ACCESS_DENIED", 429: "RATE_LIMITED"}
        return {"code": codes.get(error.status_code, f"status {error.status_code}: {error.message}")}
    return field(value, asked["field"])


def field(value, name):
    """The field of a JSON object, as its text."""
    if not name:
        return {"value": value}
    fields = json.loads(value)
    if name not in fields:
        return {"code": "NOT_FOUND"}
    found = fields[name]
    if isinstance(found, str):
        return {"value": found}
    return {"value": json.dumps(found)} if isinstance(found, (bool, int)) else {"value": "", "of": "no text"}


def judge(request):
    options = {"connection_verify": request["ca"], "proxies": {"https": request["proxy"]}, "retry_total": 0}
    credential = ClientSecretCredential(request["tenant"], request["client"], request["secret"],
                                        disable_instance_discovery=True, **options)
    client = SecretClient(request["vault"], credential, **options)
    return {asked["id"]: verdict(client, asked) for asked in request["ids"]}


json.dump({"verdicts": [judge(request) for request in json.load(sys.stdin)]}, sys.stdout)
