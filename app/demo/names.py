"""Names for people who do not exist, from common surnames and given-name characters.

Among them are characters outside GB2312 (玥 堃 喆 燊 …), because people have
such names and paper must show them.
"""

from __future__ import annotations

from random import Random

SURNAMES = (
    "王王王李李李张张张刘刘陈陈杨杨黄周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余"
    "杜叶程魏苏吕丁任卢姚钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵"
    "冉冉向向覃瞿牟隆代申骆庹"
)
MEN = "国强建军志明德贵永福光荣大发世华文武正清兴旺长林忠义学成家富云山天云海波伟刚勇毅俊峰磊鹏飞宇涛"
WOMEN = "秀英桂兰玉珍素芳淑华春梅翠莲红霞丽琴明珍菊香月娥玲燕芬云芝会群敏静雪婷娟艳萍慧"
BOYS = "子轩浩然宇辰俊熙梓豪一鸣思远嘉瑞博文天佑泽楷铭晨奕喆堃昊燊"
GIRLS = "子涵欣怡梓萱雨桐思彤诗琪一诺可馨佳怡若曦梦瑶语嫣静涵玥珺婧"


def surname(random: Random) -> str:
    """A surname, the common ones oftener."""
    return random.choice(SURNAMES)


def given_name(random: Random, sex: str, born_year: int) -> str:
    """One or two characters in the taste of the birth year."""
    young = born_year >= 2000
    pool = (BOYS if young else MEN) if sex == "1" else (GIRLS if young else WOMEN)
    length = 1 if random.random() < 0.12 else 2
    return "".join(random.sample(pool, length))
