"""编译译文 · compile the translations"""

from app.i18n import compile_catalogues


def main(arguments: list[str]) -> int:
    compile_catalogues()
    return 0
