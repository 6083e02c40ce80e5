"""moto, another emulator of AWS than ministack, and AWS's own clients, for tests/install.py."""

import install

MOTO = "5.2.5"
MOTO_SHA256 = "eef62cdcf3bfe73e0863743511ba042dfaba04ba3d5ecdcb896a196c693ad528"
AWSCLI = "1.46.3"
AWSCLI_SHA256 = "94c561c1b1b2cf0978ec8d87d956c26c807555438593eec29ea90602b9518cfb"
BOTO3 = "1.44.8"
BOTO3_SHA256 = "099caf21553bbbfef118904aa02fadb8776a534704cf00bede0ed9f29a4da88e"


def moto():
    """The folder of moto's Python packages, with its server."""
    return install.python_package("moto", MOTO, MOTO_SHA256, extra="[server]")


def awscli():
    """The folder of the AWS CLI's Python packages; `bin/aws` in it is the command."""
    return install.python_package("awscli", AWSCLI, AWSCLI_SHA256)


def boto3():
    """The folder of boto3's Python packages."""
    return install.python_package("boto3", BOTO3, BOTO3_SHA256)
