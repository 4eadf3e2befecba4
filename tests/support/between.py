#!/usr/bin/python3
"""between.py PORT DIR URL: somebody between hosts and the server at URL, who changes what DIR says:

  ticket.jq      what becomes of the answer that has the ticket
  ticket-late    exists: the answer that has the ticket takes 0.4 s longer
  ticket-host    exists: the ticket is for another host, with this one's nonce
  HEX            instead of the blob of that digest
  HEX.sh         a program whose output is the rest of the answer; also facts.sh, ticket.sh
"""
import http.server
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

PORT, DIR, URL = int(sys.argv[1]), sys.argv[2], sys.argv[3]
OTHER = {"agent": "0", "serial": "OTHER42",
         "nics": [{"name": "eth0", "mac": "52:54:00:00:00:02"}]}


def of(name):
    return os.path.join(DIR, name)


def ask(path, body=None, bearer=""):
    """The server's status and answer."""
    head = {"Content-Type": "application/json"}
    if bearer:
        head["Authorization"] = bearer
    try:
        with urllib.request.urlopen(urllib.request.Request(URL + path, body, head)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def ticket(body, bearer):
    if os.path.exists(of("ticket-host")):
        facts = json.dumps(OTHER).encode()
        bearer = "Bearer " + json.loads(ask("/v1/agent/facts", facts)[1])["session"]
    status, answer = ask("/v1/agent/ticket", body, bearer)
    if os.path.exists(of("ticket-late")):
        time.sleep(0.4)
    if status == 200 and os.path.exists(of("ticket.jq")):
        answer = subprocess.run(["jq", "-c", "-f", of("ticket.jq")], input=answer, check=True,
                                stdout=subprocess.PIPE).stdout
    return status, answer


class Between(http.server.BaseHTTPRequestHandler):
    """One request; what is said ends with its connection."""

    def answer(self, status, body):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_played(self):
        """Has DIR a program that answers? It wrote until the host had enough."""
        program = of(os.path.basename(self.path) + ".sh")
        if not os.path.exists(program):
            return False
        self.send_response(200)
        self.end_headers()
        subprocess.run(["bash", program], stdout=self.connection, check=False)
        return True

    def do_GET(self):
        instead = of(os.path.basename(self.path))
        if self.is_played():
            return
        if os.path.exists(instead):
            with open(instead, "rb") as file:
                self.answer(200, file.read())
        else:
            self.answer(*ask(self.path))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        bearer = self.headers.get("Authorization", "")
        if not self.is_played():
            asked = ticket(body, bearer) if self.path == "/v1/agent/ticket" else ask(self.path, body, bearer)
            self.answer(*asked)

    def log_message(self, format, *args):
        pass


http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("", PORT), Between).serve_forever()
