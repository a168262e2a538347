"""Troubles of devices in words: what is wrong, and what to do."""

from __future__ import annotations

from flask_babel import gettext as _

from app.office.device_trouble import Trouble


def said(trouble: Trouble) -> tuple[str, str]:
    """(what is wrong, what to do next)"""
    n = trouble.n
    match trouble.code:
        case "lost":
            return (_("浏览器清空了这部手机,至少 %(n)s 条找不回来", n=n), _("请使用人照走访本补录;缺的编号见“还缺”。"))
        case "lost_whole":
            return (_("浏览器清空过这部手机,登记过的都已收到"), _("请使用人核对最后一天的走访有没有漏。"))
        case "stopped":
            return (_("已停用,还有 %(n)s 条没有收到", n=n), _("找到这部手机,打开应用联网;收到的会进“待核对”。"))
        case "waiting":
            return (_("手机上还有 %(n)s 条没有收到", n=n), _("请使用人到有网络的地方打开应用。"))
        case "silent":
            return (_("%(n)s 天没有联系", n=n), _("打电话问一下;手机丢了就停用。"))
        case "photos":
            return (_("还缺 %(n)s 张照片或文件", n=n), _("请使用人连上无线网,打开应用等照片传完。"))
        case "mended":
            return (_("与上级核对,改正了 %(n)s 条", n=n), _("说明数据被改过或出过错;请告诉管理员查原因。"))
        case "not_kept":
            return (_("浏览器没有答应长期保存"), _("请使用人把应用“添加到主屏幕”,每天同步一次。"))
        case "full":
            return (_("手机只剩 %(n)s MB", n=n), _("请使用人删掉不用的照片和视频。"))
        case "clock":
            return (_("手机时间差 %(n)s 分钟", n=n), _("请使用人把时间设为自动;已填的不受影响。"))
        case "old_build":
            return (_("还在用旧版本"), _("请使用人联网打开应用,关掉再打开一次。"))
    return (trouble.code, "")
