"""A real mail server (aiosmtpd) that demands TLS and a login, and appends what it takes to a file.

usage: mail_server.py starttls|smtps PORT CERTIFICATE KEY OUT
"""
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

USER, PASSWORD = b"shop", b"open sesame"


class Keeper:
    def __init__(self, path):
        self.path = path

    async def handle_DATA(self, server, session, envelope):
        with open(self.path, "ab") as out:
            out.write(f"RCPT {envelope.rcpt_tos[0]}\r\n".encode() + envelope.content)
        return "250 kept"


def authenticate(server, session, envelope, mechanism, login):
    is_right = login.login == USER and login.password == PASSWORD
    return AuthResult(success=is_right, handled=False)


def main():
    mode, port, certificate, key, out = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    tls = {"tls_context": context, "require_starttls": True}
    if mode == "smtps":
        tls = {"ssl_context": context, "auth_require_tls": False}
    Controller(Keeper(out), hostname="127.0.0.1", port=int(port), authenticator=authenticate,
               auth_required=True, **tls).start()
    while True:
        time.sleep(60)


main()
