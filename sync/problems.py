"""Every way sync says no: a stable code, what is wrong, what to do next, in zh and en.

No HTTP here; `app/errors.py` maps codes to status codes. Texts are fixed, so
no answer of a household can leak through one; ``details`` hold numbers and
ids only.
"""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    zh: str
    en: str


class Entry(NamedTuple):
    message: Text
    next: Text


_RESEND = Text("请重新发送,手机里的数据不受影响。", "Send it again; what is on the phone is untouched.")
_UPDATE = Text("数据已完整保存。请更新应用,或联系县级管理员处理。",
               "It is kept whole. Update the app, or ask the county administrator.")
_TRAY = Text("数据已完整保存,等待上级管理员核对。", "It is kept whole and waits for an administrator.")

CATALOGUE: dict[str, Entry] = {
    # A request that was refused as a whole; nothing of it was stored.
    "length_mismatch": Entry(
        Text("收到的数据长度与声明的不一致,可能中途断网。",
             "The body is not as long as declared; the connection may have been cut."), _RESEND),
    "digest_mismatch": Entry(
        Text("收到的数据与校验值不一致,传输中有改动或缺损。",
             "The body does not match its SHA-256; it was altered or damaged on the way."), _RESEND),
    "bad_json": Entry(
        Text("收到的内容不是有效的 JSON,或嵌套过深。", "The body is not valid JSON, or nested too deep."), _RESEND),
    "format_unknown": Entry(
        Text("手机或下级节点的版本比这台服务器新,这里还看不懂。",
             "The phone or node is newer than this server, which cannot read it."),
        Text("请更新这台服务器;内容都在手机上,更新后会自动上报。",
             "Update this server; everything stays on the phone and is sent afterwards.")),
    "bad_op": Entry(
        Text("有一条操作缺少必要内容或格式不对。", "An op lacks a needed member or has a wrong form."), _UPDATE),
    "bad_request": Entry(
        Text("请求缺少必要内容或格式不对。", "The request lacks a needed member or has a wrong form."), _RESEND),
    "too_large": Entry(
        Text("一次发送的数据超过上限。", "More was sent at once than is allowed."),
        Text("请分成较小的批次发送。", "Send smaller batches.")),
    "unknown_token": Entry(
        Text("登录已失效。", "The sign-in is no longer valid."),
        Text("请重新登录;未上报的数据不会丢失。", "Sign in again; nothing unsent is lost.")),
    "device_revoked": Entry(
        Text("这台设备已被停用。", "This device has been revoked."),
        Text("请联系乡镇或县级管理员;未上报的数据仍可上报,由管理员核对。",
             "Ask the township or county office; what is unsent may still be sent, for review.")),
    "epoch_changed": Entry(
        Text("服务器更换或恢复过备份。", "The server was replaced or restored from a backup."),
        Text("请重新握手,并从服务器所缺的一条开始补发。", "Say hello and send again from what the server lacks.")),
    "cursor_stale": Entry(
        Text("下载位置已失效:服务器恢复过,或负责的区域有变动。",
             "The cursor no longer holds: the server was restored, or the areas in charge changed."),
        Text("请从头下载;未上报的数据不受影响。", "Pull from the beginning; unsent ops are untouched.")),
    "not_found": Entry(
        Text("没有找到,或不在您的负责范围内。", "Not found, or not in your area."),
        Text("请核对后再试。", "Check and try again.")),
    "blob_offset": Entry(
        Text("照片续传的位置不对。", "The upload does not continue where the server is."),
        Text("请从服务器给出的位置继续。", "Continue from the offset given.")),
    "blob_digest": Entry(
        Text("照片内容与编号不一致,已丢弃。", "The content does not match its name and was dropped."),
        Text("请从头重传这张照片。", "Send it again from the start.")),
    "blob_size": Entry(
        Text("文件大小与答卷里写的不一致,没有收。", "The file is not as large as its submission says; it was not taken."),
        Text("其他内容不受影响。请把这份答卷告诉管理员。", "Nothing else is affected. Tell the administrator of this submission.")),
    "store_failed": Entry(
        Text("服务器暂时无法写入磁盘。", "The server cannot write to its disk just now."),
        Text("数据仍在手机里,稍后会自动重试。", "All is still on the phone, which tries again later.")),
    "disk_low": Entry(
        Text("服务器磁盘快满了,暂时不收照片和文件。", "The server's disk is nearly full; photos and files have to wait."),
        Text("答卷照常上报;照片留在手机里,腾出空间后自动上传。请管理员清理磁盘。",
             "Answers still go up; photos stay on the phone and follow by themselves. Free space on the server.")),
    "disk_full": Entry(
        Text("服务器磁盘空间不足。", "The server's disk is full."),
        Text("请管理员清理磁盘;数据仍在手机里。", "Free space on the server; all is still on the phone.")),
    "flush_failed": Entry(
        Text("磁盘没有写成功,程序已停止;没有写成的内容没有答应过任何人。",
             "The disk did not keep what it was given; the program has stopped, and nothing of it was promised to anybody."),
        Text("请检查或更换磁盘,再启动;手机和下级节点会自动重发。",
             "Check or replace the disk, then start again; phones and nodes send again by themselves.")),
    # One op that is stored but not applied.
    "hash_mismatch": Entry(
        Text("操作内容与其校验值不一致。", "The op does not match its hash."), _TRAY),
    "zero_character": Entry(
        Text("操作里有无法保存的字符(U+0000)。", "The op holds a character that cannot be kept (U+0000)."), _TRAY),
    "same_id_other_content": Entry(
        Text("同一编号先后收到两份不同内容。", "Two different contents came under one id."), _TRAY),
    "forked_log": Entry(
        Text("同一设备的同一序号出现两条操作,设备数据可能被复制。",
             "Two ops of one device share a number; the device may have been copied."),
        Text("两份都已保存。请重新登录这台设备,并联系管理员。",
             "Both are kept. Sign in on the device again and tell the administrator.")),
    "wrong_install": Entry(
        Text("操作不是由登录的设备或人员产生的。", "The op is not by the device or person signed in."), _TRAY),
    "bad_signature": Entry(
        Text("操作没有该设备的有效签名,可能在传输途中被改动或冒名添加。",
             "The device has not signed this op; it may have been altered or invented on the way."), _TRAY),
    "unregistered_device": Entry(
        Text("产生这条操作的设备还没有登记,查不到它的签名密钥。",
             "The device that made this op is not registered, so nobody can tell whether it said this."),
        Text("数据已完整保存,没有生效。请向使用人核实内容,再在办公页面决定采用与否;节点一直不登记这台设备,请查节点。",
             "It is kept whole and has no effect. Ask the person whether they said this, then decide in the office; "
             "if the node never registers the device, look into the node.")),
    "unknown_actor": Entry(
        Text("查不到操作人员。", "The acting person is not known here."), _TRAY),
    "outside_area": Entry(
        Text("操作的记录不在该人员负责的区域。", "The record is outside the person's area."), _TRAY),
    "not_allowed": Entry(
        Text("该人员无权修改这类记录。", "The person may not change this kind of record."), _TRAY),
    "unknown_kind": Entry(
        Text("操作类型来自更新的版本,本服务器还不认识。",
             "The kind of op is from a newer version than this server."), _UPDATE),
    "already_exists": Entry(
        Text("答卷已存在,不能覆盖。", "The submission exists and is never overwritten."), _TRAY),
    "cannot_apply": Entry(
        Text("处理这条操作时出错。", "Something failed while the op was applied."), _TRAY),
    "waiting_for_record": Entry(
        Text("它修改的记录还没有收到。", "The record it changes has not arrived yet."),
        Text("数据已保存,收到该记录后自动处理。", "It is kept, and applied when that record arrives.")),
    "kept_both": Entry(
        Text("同一内容已被别人改过,两种说法都已保留。", "Somebody else changed the same; both values are kept."),
        Text("请村里核对后选定。", "Someone in the village decides which is right.")),
    "turned_down": Entry(
        Text("办公室核对后没有采纳。", "The office looked at it and did not take it up."),
        Text("原内容和理由都已留存,可以在“待核对”的已处理里查看。", "It is kept with the reason, under what was dealt with.")),
    "erased": Entry(
        Text("这条记录的内容已按规定抹去。", "The values of this record were erased as the law demands."),
        Text("只留下编号和理由,不用再处理。", "Only its id and the reason are left; nothing is to be done.")),
    "applied_late": Entry(
        Text("负责的区域变更之前做的,迟到了,已经写入。", "Made before the areas in charge changed; it came late and was applied."),
        Text("请现在负责的人看一下是否还对。", "Whoever is in charge now should check whether it still holds.")),
    "out_of_order": Entry(
        Text("前面还有操作没有收到。", "Earlier ops have not arrived."),
        Text("请从所缺的一条开始发送。", "Send from the first that is missing.")),
    # What a person of the office cannot take up.
    "record_removed": Entry(
        Text("这条记录已经作废,不能再写入。", "The record was removed and takes no more changes."),
        Text("可以不采纳并写明理由;确实要用,请重新登记。", "Turn it down with a reason; if it is needed, register it anew.")),
    "nothing_there": Entry(
        Text("要作废的记录不在这里。", "The record it would remove is not here."),
        Text("可以不采纳并写明理由。", "Turn it down with a reason.")),
    "unreadable": Entry(
        Text("内容读不出来,或来自更新的版本。", "It cannot be read, or is from a newer version."),
        Text("原始内容已留存,请联系县级管理员。", "It is kept as it came; ask the county administrator.")),
    # A data folder that cannot be used.
    "folder_in_use": Entry(
        Text("数据文件夹正被另一个进程使用。", "The data folder is in use by another process."),
        Text("请先停止那个进程,或换一个数据文件夹。", "Stop that process, or use another data folder.")),
    "folder_read_only": Entry(
        Text("数据文件夹不可写。", "The data folder cannot be written."),
        Text("请检查文件夹的权限和磁盘是否只读。", "Check its permissions and whether the disk is read-only.")),
    "folder_damaged": Entry(
        Text("数据库文件打不开或已损坏。", "The database cannot be opened or is damaged."),
        Text("请用最近的备份恢复:python3 run.py restore 备份文件 --data 文件夹;现在的文件夹会另外保留,之后的走访由手机自动补报。",
             "Restore the latest backup: python3 run.py restore BACKUP --data FOLDER; the folder as it is is kept beside,"
             " and phones send again what came later.")),
    "backup_broken": Entry(
        Text("备份文件不完整或被改动过,不能使用。", "The backup is incomplete or was altered and cannot be used."),
        Text("请换一份备份;数据文件夹没有改动。", "Use another backup; the data folder is unchanged.")),
    "bad_recovery_key": Entry(
        Text("这不是恢复密钥文件。", "This is no recovery key."),
        Text("请用 run.py backup --new-key 生成的文件。", "Use the file that run.py backup --new-key made.")),
    "wrong_recovery_key": Entry(
        Text("备份打不开:密钥或密码不对,或没有给。", "The backup does not open: the key or password is wrong, or was not given."),
        Text("请用 --key 恢复密钥文件,或 --password;数据文件夹没有改动。",
             "Give --key FILE or --password; the data folder is unchanged.")),
    "unsafe_file": Entry(
        Text("数据文件夹所在的磁盘不能安全地写入(不支持 WAL)。",
             "The folder's disk cannot be written safely (no write-ahead log)."),
        Text("请把数据文件夹放到本机磁盘上,不要放在网络盘。", "Put the data folder on a local disk, not on a network share.")),
    "folder_moved": Entry(
        Text("这个数据文件夹已经搬到 PostgreSQL,不能再用来提供服务。",
             "This folder was moved into PostgreSQL and must not serve any more."),
        Text("请用 --upstream postgresql://… 启动;确要回到旧文件夹,请先恢复备份。",
             "Serve with --upstream postgresql://…; to go back, restore a backup.")),
    "folder_rolled_back": Entry(
        Text("数据文件夹比上次停止时旧,像是被换成了旧副本。",
             "The folder is older than when it last ran, as if an old copy had been put there."),
        Text("如果确实恢复了旧数据,请运行 run.py restore --confirm;手机会把缺少的重新上报。",
             "If it was put back on purpose run: run.py restore --confirm; phones then send again what is missing.")),
    "not_a_centre": Entry(
        Text("这个文件夹属于下级节点,不是中心。", "This folder belongs to a node below a centre."),
        Text("只有中心可以搬到 PostgreSQL。", "Only a centre can be moved into PostgreSQL.")),
    "not_empty": Entry(
        Text("目标里已经有数据。", "The target already holds data."),
        Text("请换一个空的目标。", "Choose an empty one.")),
    "copy_differs": Entry(
        Text("复制后比对不一致,已放弃。", "The copy differs from the original and was given up."),
        Text("请检查磁盘后重试;原数据没有改动。", "Check the disk and try again; the original is unchanged.")),
    # A PostgreSQL centre.
    "database_silent": Entry(
        Text("连不上 PostgreSQL 数据库。", "The PostgreSQL database cannot be reached."),
        Text("请检查地址、账号和数据库是否已启动。", "Check its address, the account and whether it runs.")),
    "database_rolled_back": Entry(
        Text("数据库比这台主机上次看到的旧,像是恢复过备份。",
             "The database is older than when this host last saw it, as if a backup had been restored."),
        Text("请停下所有主机,运行 run.py restore --confirm --upstream postgresql://…,再启动;下级节点会把缺少的重新上报。",
             "Stop every host, run: run.py restore --confirm --upstream postgresql://…, and start again;"
             " the nodes below then send again what is missing.")),
    "unsafe_database": Entry(
        Text("数据库的设置在断电时可能丢失已确认的数据,拒绝使用。",
             "The database is set so that confirmed data could be lost with the power; it is not used."),
        Text("请把 fsync、full_page_writes 和 synchronous_commit 设为 on。",
             "Set fsync, full_page_writes and synchronous_commit to on.")),
    "centre_only": Entry(
        Text("PostgreSQL 中的数据库只能作中心,不能再接上级。",
             "A store in PostgreSQL is a centre and has nobody above it."),
        Text("请去掉上级地址。", "Leave the upstream away.")),
    "busy": Entry(
        Text("服务器正忙。", "The server is busy."),
        Text("稍后自动重试。", "It is tried again later.")),
    # A courier file.
    "courier_foreign": Entry(
        Text("这不是入户的捎带文件,或文件头已损坏。", "This is no courier file of Ruhu, or its beginning is damaged."),
        Text("请选 .ruhu 文件;如果是从微信转来的,请用原文件再转一次。",
             "Choose the .ruhu file; if it came through a chat, send the original again.")),
    "courier_version": Entry(
        Text("这个捎带文件来自更新的版本。", "This courier file is from a newer version."),
        Text("请先更新本机程序,再读一次;文件不用重做。", "Update this program and read it again; the file stays good.")),
    "courier_cut": Entry(
        Text("捎带文件不完整,可能没有拷完。断开之前的内容都已收下。",
             "The courier file is not whole; perhaps the copy was cut short. All before the cut was taken in."),
        Text("请把文件重新拷一次再读;重复的内容不会收两遍。", "Copy it again and read it once more; nothing is taken in twice.")),
    "courier_altered": Entry(
        Text("捎带文件中间有损坏或被改动。损坏之前的内容都已收下。",
             "The courier file is damaged or was altered. All before the damage was taken in."),
        Text("请用原文件重新拷一次;还不行就在原设备上重新导出。",
             "Copy the original again; if it is still refused, export it anew where it was made.")),
    "courier_not_for_us": Entry(
        Text("这个捎带文件是封给别处的,这里打不开。",
             "This courier file is sealed to somebody else and cannot be opened here."),
        Text("请把它交给写明的中心;手机和村里的数据都还在。", "Bring it to the centre it is for; nothing is lost.")),
    "courier_not_signed": Entry(
        Text("回执文件不是由本机认识的中心签发的,没有采用。",
             "The receipts were not signed by the centre known here; they were not used."),
        Text("请向中心重新要一份回执文件。", "Ask the centre for the receipts again.")),
    "courier_other_device": Entry(
        Text("这个回执文件是给另一台设备的。", "These receipts are for another device."),
        Text("请交给导出那份文件的手机或节点。", "Give them to the phone or node that made the file.")),
    "courier_for_a_phone": Entry(
        Text("这个回执文件是给手机的,不是给节点的。", "These receipts are for a phone, not for a node."),
        Text("请发给导出文件的那部手机,在手机的同步页读入。",
             "Send them to the phone that made the file; it reads them on its sync page.")),
    "courier_unknown_device": Entry(
        Text("文件里有中心还不认识的设备,它的内容暂时不能采用。",
             "The file holds work of a device the centre does not know yet."),
        Text("请先收它所在村节点的捎带文件,再把这个文件收一次。",
             "Take in the file of that device's village node first, then this one again.")),
    "courier_no_centre_key": Entry(
        Text("还没有中心的封装钥匙,不能做捎带文件。",
             "The centre's sealing key is not known here yet, so no courier file can be made."),
        Text("请联网同步一次,以后没有网也能导出。", "Sync once with a network; after that it works without one.")),
    # What a node may meet at its upstream.
    "upstream_silent": Entry(
        Text("连不上上级节点。", "The upstream node cannot be reached."),
        Text("请检查网络;恢复后自动继续。", "Check the network; it goes on by itself.")),
    "upstream_key_changed": Entry(
        Text("上级节点的签名密钥与登记的不同,可能换了服务器或有人冒充。",
             "The upstream signs with another key than the one noted; it was replaced, or somebody poses as it."),
        Text("暂停上报,数据都在本机。请向上级核实后,删除数据文件夹里的 upstream.json,再用 --join 重新登录。",
             "Nothing is sent; all is kept here. Ask the office above, then remove upstream.json and --join again.")),
    "upstream_unsigned": Entry(
        Text("上级的回执没有有效签名,或与本机的记录对不上,不予采信。",
             "The upstream's receipts are not validly signed, or do not match the logs here; they are not believed."),
        Text("数据都在本机,会继续重试。一直这样请联系上级管理员。",
             "All is kept here and tried again. If it lasts, ask the office above.")),
    "upstream_strange": Entry(
        Text("上级地址的应答不是入户节点的,可能要先登录网络。",
             "Something other than a Ruhu node answered; the network may want a sign-in."),
        Text("请检查网络登录页和上级地址。", "Check for a network sign-in page, and the upstream address.")),
}


class Problem(Exception):
    """A refusal with a code of the catalogue.

    details: numbers and ids that help (an offset, a process number); never
    values of records. where: text appended for a person who runs the server.
    """

    def __init__(self, code: str, *, where: str = "", **details: int | str) -> None:
        self.code = code
        self.where = where
        self.details = details
        super().__init__(code)

    def message(self, lang: str = "zh") -> str:
        text = message_of(self.code, lang)
        return f"{text} ({self.where})" if self.where else text

    def next(self, lang: str = "zh") -> str:
        return next_of(self.code, lang)

    def __str__(self) -> str:
        return f"{self.code}: {self.message('en')} {self.next('en')}"


def message_of(code: str, lang: str = "zh") -> str:
    """What is wrong; '' for the empty code."""
    if not code:
        return ""
    text = CATALOGUE[code].message
    return text.en if lang == "en" else text.zh


def next_of(code: str, lang: str = "zh") -> str:
    """What to do about it; '' for the empty code."""
    if not code:
        return ""
    text = CATALOGUE[code].next
    return text.en if lang == "en" else text.zh
