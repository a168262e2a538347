"""Browsers inside other apps: they keep no data for long and run no worker, so work must not begin there."""

from __future__ import annotations

INSIDE = (
    ("MicroMessenger", "微信"),
    ("wxwork", "企业微信"),
    ("DingTalk", "钉钉"),
    ("Lark", "飞书"),
    ("AlipayClient", "支付宝"),
    ("aweme", "抖音"),
    ("Weibo", "微博"),
    ("baiduboxapp", "百度"),
    (" QQ/", "QQ"),
)


def app_of(user_agent: str) -> str:
    """The app whose built-in browser asks, in Chinese; '' for a browser proper."""
    # Work WeChat names WeChat as well, and is the one to be told of.
    found = [name for mark, name in INSIDE if mark.lower() in user_agent.lower()]
    return "企业微信" if "企业微信" in found else next(iter(found), "")
