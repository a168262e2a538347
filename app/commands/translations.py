"""编译译文;--update 先从源文更新并列出还没有译的 · compile the translations; --update first takes in new texts"""

from app.i18n import compile_catalogues, update_catalogue


def main(arguments: list[str]) -> int:
    if "--update" in arguments:
        for text in update_catalogue():
            print(f"没有译 · untranslated: {text}")
    compile_catalogues()
    return 0
