"""Prints the token that Microsoft's own library gets by `machine` or `cli`, for tests/tests/azure_sign_in.rs."""

import sys

from azure.identity import AzureCliCredential, ManagedIdentityCredential

credential = {"cli": AzureCliCredential, "machine": ManagedIdentityCredential}[sys.argv[1]]()
print(credential.get_token("https://vault.azure.net/.default").token)
