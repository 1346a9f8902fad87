"""The refusal catalogue of §8.8: code -> HTTP status and the sentence in two languages.

Statuses: 404 hides, 403 is about who acts, 409 about the rules and the
state, 422 about payloads and screened texts, 428/412 about `If-Match`, 503 about a part that is away.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    status: int
    zh: str
    en: str


CATALOGUE: dict[str, Entry] = {
    # payload, state, concurrency
    "E_SCHEMA": Entry(422, "请求内容不符合格式要求。", "The request does not have the required form."),
    "E_STATE": Entry(409, "当前状态下不能执行此操作。", "This cannot be done in the present state."),
    "E_CONFLICT_VERSION": Entry(
        409, "他人已先行修改，请重新读取后再办。", "Someone else was first; read again and retry."
    ),
    "E_STALE_VERSION": Entry(412, "所依据的版本已过期。", "The version in If-Match is no longer current."),
    "E_VERSION_REQUIRED": Entry(
        428, "此决定须注明所依据的版本（If-Match）。", "This decision needs If-Match."
    ),
    "E_IDEMPOTENCY_MISMATCH": Entry(
        422,
        "同一 Idempotency-Key 已用于不同内容的请求。",
        "This Idempotency-Key was used with another request.",
    ),
    "E_IDEMPOTENCY_KEY": Entry(422, "Idempotency-Key 格式不正确。", "The Idempotency-Key is malformed."),
    "E_BODY_TOO_LARGE": Entry(413, "请求内容过大。", "The request body is too large."),
    "E_BODY_TOO_SLOW": Entry(
        408, "请求内容未在规定时间内传完，请重试。", "The body did not arrive in time; try again."
    ),
    "E_MEDIA_TYPE": Entry(415, "不接收此类文件。", "Files of this kind are not taken."),
    "E_METHOD": Entry(405, "不支持此请求方法。", "This method is not supported here."),
    # access
    "E_UNAUTHENTICATED": Entry(401, "须先登录，或登录已失效。", "A valid access token is required."),
    "E_FORBIDDEN_ROLE": Entry(403, "您的角色无权执行此操作。", "Your role may not do this."),
    "E_NOT_FOUND": Entry(404, "未找到。", "Not found."),
    "E_JURISDICTION": Entry(404, "未找到。", "Not found."),
    "E_NEED_TO_KNOW": Entry(404, "未找到。", "Not found."),
    "E_LEVEL_TOO_LOW": Entry(
        403, "本机关层级不足，不能执行此操作。", "The organ's level is too low for this."
    ),
    # who may act
    "E_SOD_CONFLICT": Entry(
        403, "经办、审核、批准须由不同人员担任。", "Separation of duties: this needs a different person."
    ),
    "E_RECUSAL": Entry(403, "您已回避此案。", "You are recused from this case."),
    "E_PERSON_UNKNOWN": Entry(
        422,
        "人员名册中无此人，或此人当日在该机关不任相应职务。",
        "The staff directory knows nobody of that name who holds a fitting role at that organ today.",
    ),
    "E_STEP_UNFILLED": Entry(
        409,
        "如此办理，后续环节将无人可办；请先提级办理该环节或指定代行人。",
        "Nobody would be left for a later step: escalate it, or name a substitute, first.",
    ),
    "E_STEP_IN_QUESTION": Entry(
        409,
        "前序环节系由其后已回避人员办理，请先予确认或者退回。",
        "An earlier step was taken by somebody who is excluded since: confirm it or send it back first.",
    ),
    "E_SUBSTITUTE_NOT_NEEDED": Entry(
        409, "该环节尚有人可办，不得提级或者指定代行。", "Somebody is free for this step."
    ),
    "E_CONSENT_AUTHORITY": Entry(403, "您无权代为表示同意。", "You have no authority to give this consent."),
    # intake
    "E_SEALED_UPWARD": Entry(
        409, "此件属上级受理，应密封径送。", "This belongs to a higher organ: seal and escalate it."
    ),
    "E_PLATFORM_ENTRY_FORBIDDEN": Entry(
        409, "此件不得录入平台。", "This may not be entered in the platform."
    ),
    "E_DUPLICATE": Entry(409, "此件系重复检举控告。", "This repeats a complaint that is already registered."),
    "E_NOTICE_NOT_DUE": Entry(409, "此件无须告知受理情况。", "No acceptance notice is due here."),
    "E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS": Entry(
        409, "匿名件不作见面和反馈。", "Meetings and feedback are owed to confirmed real names only."
    ),
    "E_MEETING_SKIPPED": Entry(
        409, "“三见面三反馈”须按顺序进行，不得遗漏。", "A meeting or feedback that comes first is missing."
    ),
    "E_REPRESENTATIVES": Entry(422, "代表人数超过规定。", "Too many representatives."),
    "E_REJECTION_REASON": Entry(
        422, "不予受理的理由只有规定的三种。", "Only the three lawful grounds of rejection."
    ),
    "E_RESULT_MISMATCH": Entry(
        409, "告知的结果与查明的结果不一致，或者有遗漏。", "This is not what was found, or not all of it."
    ),
    "E_NOT_CONCLUDED": Entry(409, "核查尚未结束。", "The verification is not concluded."),
    "E_RECORD_INCOMPLETE": Entry(409, "登记、决定或告知记录不完整。", "Required records are missing."),
    "E_NOT_COMPETENT": Entry(409, "此件不属本机关管辖。", "Another organ is competent for this."),
    "E_CONTENT_MISMATCH": Entry(
        409, "所称重复件与本件对象或问题不符。", "The complaint named as the original does not match."
    ),
    # reporter protection
    "E_REPORTER_PENALTY_FORBIDDEN": Entry(
        403, "不得因检举不实而处理检举控告人。", "A reporter may not be penalised for this."
    ),
    "E_TRACE_FORBIDDEN": Entry(
        403, "不得擅自追查检举控告人。", "Nobody may trace a reporter without authority."
    ),
    "E_TRACE_NO_ORDER": Entry(403, "没有经批准的追查决定。", "There is no approved tracing order."),
    "E_TRACE_PREMATURE": Entry(
        409,
        "尚不具备追查条件（须有正在进行的诬告陷害核查）。",
        "Tracing needs an open false-accusation inquiry.",
    ),
    "E_TRACE_EXECUTOR_LEVEL": Entry(
        403, "追查须由县级以上纪检监察机关实施。", "Only an organ of county level or above may trace."
    ),
    "E_TRACE_ORDER_EXPIRED": Entry(409, "追查决定已过期。", "The tracing order has expired."),
    "E_CITY_APPROVAL_REQUIRED": Entry(
        403, "须经设区的市级以上机关批准。", "An organ of city level or above must approve this."
    ),
    "E_TEXT_IDENTITY_LEAK": Entry(
        422, "文字可能泄露检举控告人身份，请修改。", "The text may reveal who reported; change it."
    ),
    # verification
    "E_EVIDENCE_MISSING": Entry(409, "缺少证据。", "Evidence is missing."),
    "E_COLLECTIVE_STUDY_MISSING": Entry(
        409, "缺少集体研究记录。", "The record of collective study is missing."
    ),
    "E_FINDING_HELD": Entry(
        409, "所依据的核查案件正在重新核查，暂停办理。", "A case that this rests on was reopened: it is held."
    ),
    "E_SPLIT_REQUIRED": Entry(
        409, "部分属实的问题须先拆分。", "Split the allegation before a partial finding."
    ),
    "E_INTENT_NOT_PROVED": Entry(409, "主观故意未查实。", "Intent is not proved."),
    "E_LEGAL_BASIS_DATE": Entry(
        422, "所引条文在相关日期未生效。", "The instrument cited was not in force then."
    ),
    "E_DUAL_ASSESSMENT_REQUIRED": Entry(
        409, "须先完成澄清与诬告两项研判。", "Both assessments must be done before closing."
    ),
    # clarification
    "E_WRITTEN_FORM_REQUIRED": Entry(
        422, "任何澄清均须同时采用书面形式。", "The written form is always required."
    ),
    "E_CONSENT_REQUIRED": Entry(
        409,
        "会议、通报澄清须先征得本人同意。",
        "Meeting and circular forms need the subject's consent first.",
    ),
    "E_CONSENT_REFUSED": Entry(409, "本人不同意。", "The subject refused."),
    "E_CONSENT_STALE": Entry(
        409, "形式、范围或文本已变，须重新征求同意。", "Forms, scope or text changed: ask for consent again."
    ),
    "E_SCOPE_EXCEEDS_CONSENT": Entry(409, "范围超出本人同意。", "The scope exceeds the consent."),
    "E_ALLEGATION_NOT_UNFOUNDED": Entry(
        409, "此问题未认定为失实。", "This allegation was not found unfounded."
    ),
    "E_ALLEGATION_INCONCLUSIVE": Entry(
        409, "未查实的问题不得澄清。", "An inconclusive allegation cannot be cleared."
    ),
    "E_DISCIPLINE_LOOSENING": Entry(
        409,
        "同案其他问题尚未认定或处置，不得以澄清松绑。",
        "Other findings or dispositions are still missing.",
    ),
    "E_TEXT_OVERALL_EVALUATION": Entry(
        422, "不得对本人作全面评价。", "The text must not evaluate the person as a whole."
    ),
    "E_TEXT_INTENT_STATEMENT": Entry(
        422, "不得对检举动机作评价。", "The text must not judge the reporter's motive."
    ),
    "E_VOICE_MISSING": Entry(409, "尚未听取本人意见。", "The subject has not been heard."),
    "E_APPROVAL_REQUIRED": Entry(409, "须先经批准。", "Approval is required first."),
    "E_APPROVER_WRONG_ORGAN": Entry(
        403, "须由有批准权的机关信访举报部门批准。", "The petition department of another organ must approve."
    ),
    "E_HANDLER_MISMATCH": Entry(
        409, "谁核实谁澄清，承办机关不符。", "The verifying organ itself must clear."
    ),
    "E_CLARIFICATION_DUE": Entry(409, "已造成不良影响，应当澄清。", "Harm was found: clarification is due."),
    "E_FILING_INCOMPLETE": Entry(
        409, "材料尚未录入平台和归档。", "Platform and file entries are not complete."
    ),
    "E_CORRECTION_PENDING": Entry(409, "错误处理尚未纠正。", "A wrong handling is still to be corrected."),
    "E_RETALIATION_OPEN": Entry(409, "有未了结的打击报复反映。", "A report of retaliation is still open."),
    # followup
    "E_PLAN_REQUIRED": Entry(409, "须先有回访方案。", "A revisit plan is required."),
    "E_PLAN_NOT_INDIVIDUAL": Entry(422, "回访方案须一人一策。", "The plan copies another person's plan."),
    "E_WISH_REFUSED": Entry(409, "本人不愿接受回访。", "The subject refused this revisit."),
    "E_MODE_UNKNOWN": Entry(422, "回访方式不在规定之列。", "Unknown mode of revisit."),
    "E_STAFF_COUNT": Entry(422, "回访人数不足。", "Too few staff for this revisit."),
    "E_TARGET_MISSING": Entry(409, "双回访缺少对象。", "A dual revisit needs both targets."),
    "E_LEDGER_INCOMPLETE": Entry(409, "回访台账不完整。", "The ledger is not complete."),
    # parts that are away
    "E_CALENDAR_UNAVAILABLE": Entry(503, "工作日历不可用。", "The working-day calendar is not available."),
    "E_SCREEN_UNAVAILABLE": Entry(
        503, "身份保护审查暂不可用，请稍后重试。", "The identity screen is away; try again shortly."
    ),
    "E_PROOF_OF_WORK": Entry(
        429, "请先完成计算验证后再提交。", "Solve a challenge first; it is asked of everybody alike."
    ),
    "E_OVERLOADED": Entry(503, "系统繁忙，请稍后重试。", "Overloaded; try again shortly."),
    "E_UNAVAILABLE": Entry(503, "服务暂不可用，请稍后重试。", "Temporarily unavailable; try again shortly."),
    "E_DEFECT": Entry(
        500, "系统出现故障，未作任何处理，已记录。", "A defect: nothing was done, and it was recorded."
    ),
    "E_NOT_YET": Entry(
        503, "所求版本的读模型尚未就绪。", "The read model is not there yet, or not at that position."
    ),
    "E_TEXT_MISSING": Entry(409, "尚未生成澄清文本。", "The clarification text has not been rendered yet."),
}
