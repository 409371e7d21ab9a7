"""Aliyun's SDK against a server that answers as Aliyun does."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.sms import Sms, SmsRefused
from accounts.sms.aliyun import AliyunBusy, Backend

CODE = Sms(to="+8613800138000", template="code", params={"code": "123456"}, text="验证码 123456")


class Aliyun(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        asked = {name: values[0] for name, values in parse_qs(f"{urlsplit(self.path).query}&{body}").items()}
        self.server.asked.append((asked, dict(self.headers)))
        time.sleep(self.server.delay)
        status, code = self.server.answer
        said = json.dumps({"Code": code, "Message": code, "RequestId": "1", "BizId": "2"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        with suppress(BrokenPipeError):  # who was kept waiting has left
            self.wfile.write(said)

    def log_message(self, *_):
        pass


@pytest.fixture
def aliyun(settings):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Aliyun)
    server.daemon_threads = True
    server.asked, server.answer, server.delay = [], (200, "OK"), 0
    settings.ALIYUN_SMS = {
        "access_key_id": "id",
        "access_key_secret": "secret",
        "sign_name": "妇产科网",
        "templates": {"code": "SMS_1", "notice": "SMS_2"},
        "endpoint": f"127.0.0.1:{server.server_port}",
        "protocol": "http",
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_number_the_template_and_its_parameters_arrive_signed(aliyun):
    Backend().send(CODE)
    asked, headers = aliyun.asked[0]
    assert asked["PhoneNumbers"] == "13800138000"
    assert asked["SignName"] == "妇产科网"
    assert asked["TemplateCode"] == "SMS_1"
    assert json.loads(asked["TemplateParam"]) == {"code": "123456"}
    assert "id" in headers["Authorization"]


def test_a_number_abroad_is_written_with_its_country(aliyun):
    Backend().send(Sms(to="+85251234567", template="notice", params={"text": "您好"}))
    assert aliyun.asked[0][0]["PhoneNumbers"] == "85251234567"


@pytest.mark.parametrize("code", ["isv.MOBILE_NUMBER_ILLEGAL", "isv.DAY_LIMIT_CONTROL"])
def test_what_will_never_be_taken_is_refused(aliyun, code):
    aliyun.answer = (200, code)
    with pytest.raises(SmsRefused):
        Backend().send(CODE)


@pytest.mark.parametrize("code", ["isv.BUSINESS_LIMIT_CONTROL", "isv.AMOUNT_NOT_ENOUGH", "isp.SYSTEM_ERROR"])
def test_what_may_be_taken_later_is_tried_again(aliyun, code):
    aliyun.answer = (200, code)
    with pytest.raises(AliyunBusy):
        Backend().send(CODE)


def test_a_fault_of_the_server_is_tried_again(aliyun):
    aliyun.answer = (503, "ServiceUnavailable")
    with pytest.raises(Exception, match="ServiceUnavailable") as raised:
        Backend().send(CODE)
    assert not isinstance(raised.value, SmsRefused)
    assert len(aliyun.asked) == 1


def test_a_template_that_is_not_named_is_refused_without_asking(aliyun):
    with pytest.raises(SmsRefused):
        Backend().send(Sms(to="+8613800138000", template="taken"))
    assert aliyun.asked == []


def test_a_server_that_hangs_is_let_go_within_five_seconds(aliyun):
    aliyun.delay = 20
    started = time.monotonic()
    with pytest.raises(Exception, match=r"(?i)time"):
        Backend().send(CODE)
    assert time.monotonic() - started < 5.5
