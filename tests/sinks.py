"""Servers on loopback that take what Holdfast sends and keep it: HTTP and SMTP, with or without TLS. Nothing else is needed.

Each listens on a port that the system chose, in threads of the test, and ends with it.
"""

import base64
import datetime
import http.server
import os
import socketserver
import ssl
import threading


class Http:
    """Keeps (method, path, headers, body) of each request in .requests; answers with .answers in turn, then with 200."""

    def __init__(self, tls=None):
        self.requests, self.answers = [], []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8")
                sink.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = sink.answers.pop(0) if sink.answers else 200
                if answer == "hang":
                    sink.hung.wait(60)
                    return
                self.send_response(answer)
                if answer in (301, 302):
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = take

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.hung = threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.hung.set()
        self.server.shutdown()
        self.server.server_close()


class Smtp:
    """Keeps (sender, recipients, message text) in .mails, the logins in .logins, and whether each came by TLS in .secure."""

    def __init__(self, tls=None, starttls=False, password=None):
        self.mails, self.logins, self.secure = [], [], []
        sink = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    self.talk()
                except (OSError, ValueError):
                    pass

            def talk(self):
                link, secure = self.request, False
                if tls and not starttls:
                    link, secure = tls.wrap_socket(link, server_side=True), True
                file = link.makefile("rb")

                def say(text):
                    link.sendall(text.encode() + b"\r\n")

                sender, recipients = None, []
                say("220 sink ESMTP")
                while line := file.readline():
                    words = line.decode().rstrip("\r\n")
                    verb = words.split(" ")[0].upper()
                    if verb in ("EHLO", "HELO"):
                        offers = ["sink"] + (["STARTTLS"] if starttls and not secure else []) + (["AUTH PLAIN LOGIN"] if password else [])
                        for i, offer in enumerate(offers):
                            say(("250-" if i + 1 < len(offers) else "250 ") + offer)
                    elif verb == "STARTTLS":
                        say("220 go on")
                        link, secure = tls.wrap_socket(link, server_side=True), True
                        file = link.makefile("rb")
                    elif verb == "AUTH":
                        parts = words.split(" ")
                        if len(parts) < 3:
                            say("334 ")
                            parts.append(file.readline().decode().strip())
                        _, user, given = base64.b64decode(parts[2]).decode().split("\0")
                        sink.logins.append((user, given))
                        say("235 ok" if given == password else "535 no")
                    elif verb == "MAIL":
                        sender = words
                        say("250 ok")
                    elif verb == "RCPT":
                        recipients.append(words[words.index("<") + 1:words.index(">")])
                        say("250 ok")
                    elif verb == "DATA":
                        say("354 go on")
                        text = b""
                        while (part := file.readline()) != b".\r\n":
                            text += part[1:] if part.startswith(b".") else part
                        sink.mails.append((sender, recipients, text.decode()))
                        sink.secure.append(secure)
                        say("250 taken")
                    elif verb == "QUIT":
                        say("221 bye")
                        return
                    else:
                        say("502 what?")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def certificate(folder):
    """A fresh authority-less certificate for localhost: gives its path (to trust it) and a server's TLS context."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
    import ipaddress
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
    crt, pem = os.path.join(folder, "tls.crt"), os.path.join(folder, "tls.key")
    with open(crt, "wb") as f:
        f.write(made.public_bytes(serialization.Encoding.PEM))
    with open(pem, "wb") as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, pem)
    return crt, context
