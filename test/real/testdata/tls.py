"""A client over TLS: tls.py ADDRESS CA CERTIFICATE. Python's own ssl, with a session
that is resumed, and requests with a client certificate."""
import socket
import ssl
import sys

import requests

address, ca, certificate = sys.argv[1:]


def ask(context, session=None):
    """One request on a connection of its own; its version, body, and session."""
    with socket.create_connection((address, 443)) as plain:
        with context.wrap_socket(plain, server_hostname="site.test", session=session) as conn:
            conn.sendall(b"GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")
            text = b""
            while part := conn.recv(4096):
                text += part
            return conn.version(), text.split(b"\r\n\r\n", 1)[1].decode(), conn.session, conn.session_reused


for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = version
    spoken, body, session, _ = ask(context)
    print("ssl", spoken, body)
print("resumed", ask(context, session)[3])


class Site(requests.adapters.HTTPAdapter):
    """Verifies the name of the site, whose address alone is known."""

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, server_hostname="site.test", assert_hostname="site.test", **kwargs)


client = requests.Session()
client.mount("https://", Site())
print("requests", client.get(f"https://{address}:8443/", verify=ca, cert=certificate, timeout=60).text)
