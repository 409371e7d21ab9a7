"""WeChat's open platform (网站应用) on loopback: errors with status 200, JSON as text/plain, codes good once."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

APP = {"app_id": "wx0123456789abcdef", "app_secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
PAGE = "https://open.weixin.qq.com/connect/qrconnect"
NICKNAME = "云端的鹿"


class WeChat:
    """Knows which code is whose, and what was asked of it; `says` makes it say something else."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}
        self.spent: set[str] = set()
        self.asked: list[str] = []
        self.says: tuple[int, bytes] | None = None
        self.waits = 0.0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Desk", (Desk,), {"wechat": self}))
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def settings(self) -> dict[str, str]:
        return {**APP, "page": PAGE, "api": f"http://127.0.0.1:{self.server.server_port}"}

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def scan(self, address: str, openid: str) -> str:
        """Scan the code on the page at this address and nod; return where the browser is led back to."""
        page, said = urlsplit(address), dict(parse_qsl(urlsplit(address).query))
        assert f"{page.scheme}://{page.netloc}{page.path}" == PAGE
        assert (said["appid"], said["response_type"], said["scope"]) == (APP["app_id"], "code", "snsapi_login")
        assert page.fragment == "wechat_redirect"
        code = f"0{len(self.codes):030}A"
        self.codes[code] = openid
        return f"{urlsplit(said['redirect_uri']).path}?code={code}&state={said['state']}"

    def token(self, said: dict[str, str]) -> dict[str, Any]:
        """Answer `sns/oauth2/access_token`."""
        if said.get("appid") != APP["app_id"]:
            return {"errcode": 40013, "errmsg": "invalid appid, rid: 6538e4c1-0a4a1e7e-5ba1c2d3"}
        if said.get("secret") != APP["app_secret"]:
            return {"errcode": 40125, "errmsg": "invalid appsecret, rid: 6538e4c1-0a4a1e7e-5ba1c2d3"}
        code = said.get("code", "")
        if code in self.spent:
            return {"errcode": 40163, "errmsg": "code been used, rid: 6538e4c1-0a4a1e7e-5ba1c2d3"}
        if code not in self.codes or said.get("grant_type") != "authorization_code":
            return {"errcode": 40029, "errmsg": "invalid code, rid: 6538e4c1-0a4a1e7e-5ba1c2d3"}
        self.spent.add(code)
        tokens = {"access_token": "ACCESS", "expires_in": 7200, "refresh_token": "REFRESH"}
        return {**tokens, "openid": self.codes[code], "scope": "snsapi_login", "unionid": f"u{self.codes[code]}"}

    def person(self, said: dict[str, str]) -> dict[str, Any]:
        """Answer `sns/userinfo`."""
        about = {"nickname": NICKNAME, "sex": 2, "city": "杭州", "headimgurl": "https://thirdwx.qlogo.cn/mmopen/0"}
        return {"openid": said.get("openid"), **about, "privilege": []}


class Desk(BaseHTTPRequestHandler):
    wechat: WeChat

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._answer({name: values[0] for name, values in parse_qs(said).items()})

    def do_GET(self) -> None:
        self._answer(dict(parse_qsl(urlsplit(self.path).query)))

    def _answer(self, said: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        self.wechat.asked.append(self.path)
        time.sleep(self.wechat.waits)
        answers = {"/sns/oauth2/access_token": self.wechat.token, "/sns/userinfo": self.wechat.person}
        usual = 200, json.dumps(answers[path](said), ensure_ascii=False).encode()
        status, body = self.wechat.says or usual
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
