"""Questions for a reporter's identity, answers that tell it, numbers of people: and what is none of these."""

from __future__ import annotations

import pytest

from shared.language.law.identifiers import tells_personal_number
from shared.language.tracing import asks_who_you_are, names_its_speaker

ASKING = """
请说明您的姓名、住址、手机号，以便联系。
请提供姓名、电话
您是哪个单位的？
怎么称呼您？
请您实名
您住在哪里
Please tell us your name and phone number.
請告知您的真實姓名
请留下联系方式
您在哪个单位工作？
Tell us your name.
不要担心，请提供您的电话。
不要害怕，您叫什么名字？
请留个电话。
方便留个电话吗？
能给个手机号吗？
请问姓名
能否告知姓名和电话？
麻烦留下联系方式。
身份证号码是多少？
请表明身份。
请自我介绍一下。
您是哪一位？
你家在哪里？
加个微信吧
可以实名吗？
建议您实名举报。
您 的 姓 名 是？
How can we contact you?
您不要有顾虑：您的姓名？
"""
NOT_ASKING = """
请说明当时在场人员的姓名。
您反映的收款人是谁？
请说明他的单位和职务
钱是在哪里给的？
您是否知道其电话？
请不要留下您的姓名。
请补充说明事情发生的时间、地点
您是怎么知道的？
请说明被反映人的身份是否属实
请提供收条原件
镇长是谁签的字
请说明经手人的姓名
你认为被举报人的职务是什么？
请说明被反映人的姓名。
请提供被举报人的联系方式。
张某本人的手机号码是否用于收款？
收条是否由被举报人本人签名？
您的微信聊天记录可以作为证据提供吗？
请提供微信转账截图。
请提供电话录音。
请出示单位公函。
请说明职务侵占的具体数额。
请说明身份证被冒用的经过。
您的手机里是否保存有照片？
您的身份将严格保密。
我们将依法保护您的身份信息。
不必说明您的姓名。
请勿透露您的姓名。
无需提供您的身份信息。
您是谁介绍去该公司的？
您是哪家银行转的账？
您是哪里看到公示的？
怎么联系您说的那个包工头？
以便联系证人
请提供他本人的签名样本。
款项是何时交付的？
您反映的情况我们已收到，请补充单据。
虚问。
何时发生
请问收款单位是哪家？
请说明单位领导是否在场
"""
SPEAKING = """
我叫郑虚六，住三组12号
本人姓名：郑虚六
我住在云瓶镇三组
My name is Zheng
我叫孙虚九，住三组12号。
举报人：张虚国
反映人：张虚国，城东村人
我叫“张虚国”
我叫张虚国 男
我家在城东村三组。
我住3号楼
家庭住址：城东村三组12号
"""
NOT_SPEAKING = """
我叫他停下，他不听
钱是三月给的
收条上写的是三万元
我就是看到他拿了钱
他家住在镇上的人都知道
署名是会计的收条
我们家没有收到补偿
我住院时，李院长收了红包。
我家住房被拆除没有补偿。
大家住在临时安置房。
国家住房补贴被截留。
专家住在酒店的费用由公司付。
我的名字被冒用。
收款人姓名：王五，金额三万元。
被举报人姓名：张三。
签名是伪造的。
落款为城建公司，无公章。
我叫停了施工。
我叫工人停工。
I live in fear of them.
去年春节前。
去年冬天
"""
NUMBERS = """
13900001111
139 0000 1111
电话139-0000-1111。
１３９００００１１１１
一三九零零零零一一一一
99010119000107007X
+86 13900001111
0571-87654321
(010)62345678
身份证330101900101123
房间3，13900002222
电话-13800138000
电话——13800138000
tel13800138000
微信zhang13800138000
138　0013　8000
138–0013–8000
联系电话 199-0000-0000。
全角１９９００００００００也不行
"""
NO_NUMBERS = """
XF-990102100-2022-000001
2026-01-05 2026-02-10
三万元，2025年12月31日至2026年1月5日
第138号 12个
收款账号6222021202012345678
合计13900000元
a1b2c3d4-1390-4000-8000-139000011112
990102100
2026011512345
6217 0044 0887 4535 680
3301 0401 6000 1234 567
0456-2019-0123
0571-2022-0001
021-2022-0003
15-2022-00012
第13-2021-00123号
192.168.10.101
183.129.160.22
370102000112345
13800138000元
13800138000.00
15 000 000 000
139 1234 5678元
14503371-001
08018404-001
2026-03-04T09:00:00+08:00
"""


def told(true: str, false: str) -> list[tuple[str, bool]]:
    """The lines of two lists, each with what a guard is to say of it."""
    return [
        *((line, True) for line in true.strip().splitlines()),
        *((x, False) for x in false.strip().splitlines()),
    ]


@pytest.mark.parametrize(("text", "asks"), told(ASKING, NOT_ASKING))
def test_b21_a_question_for_the_reader_is_told_from_others(text: str, asks: bool) -> None:
    """A refusal locks a case as surely as a question loses a reporter."""
    assert asks_who_you_are(text) is asks


@pytest.mark.parametrize(("text", "tells"), told(SPEAKING, NOT_SPEAKING))
def test_b21_somebody_says_who_they_are(text: str, tells: bool) -> None:
    assert names_its_speaker(text) is tells


@pytest.mark.parametrize(("text", "holds"), told(NUMBERS, NO_NUMBERS))
def test_b21_the_number_of_a_person_is_told_from_other_numbers(text: str, holds: bool) -> None:
    assert tells_personal_number(text) is holds
