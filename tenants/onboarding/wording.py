"""Everything a row can be told, as data: how grave it is, what is wrong and how to mend it, in two languages."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Wording:
    """One kind of complaint; the texts carry ``{placeholders}``, of which ``{value}`` is the cell."""

    severity: Severity
    zh: str
    remedy_zh: str
    en: str
    remedy_en: str


CATALOGUE: dict[str, Wording] = {
    # The platform as it is
    "ROW_PARENT_CHANGED": Wording(
        "error",
        "该社区在平台上属于“{present}”，与文件中的上级不同",
        "隶属变更请单独办理，不随批量开通改变；请核对上级代码",
        "On the platform this one lies under {present!r}, not under the parent in the file",
        "A move is a decision of its own and does not come with onboarding; check the parent code",
    ),
    "FILE_LACKS_KNOWN": Wording(
        "note",
        "平台上有{count}个辖区不在文件中（例如第一个：{value}），保持不变",
        "如已撤并，请另行办理撤销或合并",
        "{count} areas of the platform are not in the file (the first: {value}); they stay as they are",
        "If they were dissolved or merged, do that as a step of its own",
    ),
    # The code
    "ROW_CODE_MISSING": Wording(
        "error",
        "没有填写区划代码",
        "补填代码；如为合计行或说明行，请删去",
        "The code is missing",
        "Fill the code in; delete the row if it is a total or a remark",
    ),
    "ROW_CODE_SCIENTIFIC": Wording(
        "error",
        "“{value}”已被电子表格改成科学记数法，后面的数字已丢失",
        "在原表中把该列设为“文本”格式，核对代码后重新导出",
        "{value!r} is in scientific notation: a spreadsheet has cut digits off",
        "Format the column as text in the original table, check the codes and export it again",
    ),
    "ROW_CODE_NOT_DIGITS": Wording(
        "error",
        "“{value}”含有数字以外的字符",
        "代码只能是数字，请删去其他字符",
        "{value!r} has characters that are not digits",
        "A code has digits only; remove everything else",
    ),
    "ROW_CODE_LENGTH": Wording(
        "error",
        "代码“{value}”有 {digits} 位，{level_zh}的代码应为 {expected} 位",
        "核对代码是否缺位或多位，以及级别是否填错",
        "The code {value!r} has {digits} digits; the code of a {level_en} has {expected}",
        "Check whether digits are missing or doubled, and whether the level is right",
    ),
    "ROW_CODE_LEVEL": Wording(
        "error",
        "代码“{value}”是{actual_zh}的代码，级别却是{level_zh}",
        "改正级别，或把代码末尾的 000 换成本级的顺序号",
        "The code {value!r} is that of a {actual_en}, the level says {level_en}",
        "Correct the level, or replace the zeros at the end of the code by the number of this division",
    ),
    "ROW_CODE_TWICE": Wording(
        "error",
        "代码 {code} 在第 {others} 行也出现，但名称、级别或上级不同",
        "核对两行，改正代码或删去错误的一行",
        "The code {code} stands on line {others} too, with another name, level or parent",
        "Compare the lines; correct a code or delete the wrong line",
    ),
    "ROW_CODE_NUMBER_MENDED": Wording(
        "warning",
        "“{value}”曾被当作数字保存，已去掉小数部分",
        "请核对代码，并把该列设为“文本”格式",
        "{value!r} was stored as a number; its decimals were dropped",
        "Check the code, and format the column as text",
    ),
    "ROW_FULLWIDTH_MENDED": Wording(
        "warning",
        "“{value}”含全角数字或字母，已转为半角",
        "请核对；今后用半角输入数字和字母",
        "{value!r} has full-width digits or letters; they were made half-width",
        "Check it, and type digits and letters half-width from now on",
    ),
    "ROW_BLANKS_MENDED": Wording(
        "note",
        "“{value}”中的空格或前导撇号已去掉",
        "无需处理；也可在原表中删去",
        "Blanks or a leading apostrophe were removed from {value!r}",
        "Nothing need be done; you may remove them in the table",
    ),
    "ROW_CODE_UNPADDED": Wording(
        "note",
        "代码“{value}”末尾补的零已去掉，按 {code} 处理",
        "无需处理",
        "The zeros that pad the code {value!r} were dropped; it is taken as {code}",
        "Nothing need be done",
    ),
    # The level
    "ROW_LEVEL_UNKNOWN": Wording(
        "error",
        "不认识的级别“{value}”",
        "请填：省、市、县（区、市）、街道（镇、乡）或社区（村）",
        "The level {value!r} is unknown",
        "Write province, city, county, street or community",
    ),
    "ROW_LEVEL_DERIVED": Wording(
        "note",
        "级别为空，已按代码判为{level_zh}",
        "如判断有误，请补填级别",
        "The level is empty; by its code this is a {level_en}",
        "Fill the level in if that is wrong",
    ),
    # The name
    "ROW_NAME_MISSING": Wording(
        "error",
        "没有填写名称",
        "补填名称",
        "The name is missing",
        "Fill the name in",
    ),
    "ROW_NAME_CONTROL": Wording(
        "error",
        "名称“{value}”含换行或其他不可见字符",
        "重新输入名称，不要换行",
        "The name {value!r} has a line break or another invisible character",
        "Type the name again, on one line",
    ),
    "ROW_NAME_LENGTH": Wording(
        "error",
        "名称有 {length} 个字，超过上限 {limit}",
        "请填规范的简短名称，备注放到其他列",
        "The name has {length} characters, the limit is {limit}",
        "Write the proper name only, and remarks into another column",
    ),
    "ROW_NAME_LOST_CHARACTER": Wording(
        "error",
        "名称“{value}”中有字在转换编码时丢失，变成了“?”或“�”",
        "补上丢失的字（多为生僻字），并另存为 XLSX 或 CSV（UTF-8）",
        "A character of the name {value!r} was lost in a conversion and became ? or �",
        "Put the character back (a rare one, most likely) and save as XLSX or CSV (UTF-8)",
    ),
    "ROW_NAME_PRIVATE_CHARACTER": Wording(
        "warning",
        "名称“{value}”含自造字，其他电脑上可能显示为方框",
        "用标准汉字重新输入该字",
        "The name {value!r} has a character of somebody's private font; elsewhere it shows as a box",
        "Type the standard character instead",
    ),
    "ROW_NAME_TWICE": Wording(
        "warning",
        "同一上级下已有同名“{value}”（第 {others} 行）",
        "核对是否重复登记；确为两处时请写全称",
        "The same parent has another {value!r} (line {others})",
        "Check whether it is listed twice; give full names if they are two places",
    ),
    "ROW_KIND_BY_NAME": Wording(
        "note",
        "按代码应为{by_digits}，名称是“{value}”；已按{taken}登记",
        "如登记有误，请改正代码或名称",
        "The code says {by_digits}, the name is {value!r}; it is taken as {taken}",
        "Correct the code or the name if that is wrong",
    ),
    # The parent
    "ROW_PARENT_MISSING": Wording(
        "error",
        "上级 {parent} 不在文件中",
        "请在文件中补上 {parent} 这一行（{level_zh}），或改正上级代码",
        "The parent {parent} is not in the file",
        "Add a row for {parent} ({level_en}) to the file, or correct parent_code",
    ),
    "ROW_PARENT_MALFORMED": Wording(
        "error",
        "上级代码“{value}”不是任何一级的代码",
        "上级代码应为 2、4、6 或 9 位数字（可补零到 12 位）",
        "The parent code {value!r} is the code of no level",
        "A parent code has 2, 4, 6 or 9 digits (or 12, padded with zeros)",
    ),
    "ROW_PARENT_LEVEL": Wording(
        "error",
        "上级 {parent} 是{actual_zh}，{level_zh}的上级应为{expected_zh}",
        "把上级代码改为所属{expected_zh}的代码",
        "The parent {parent} is a {actual_en}; the parent of a {level_en} is a {expected_en}",
        "Put the code of the {expected_en} it belongs to into parent_code",
    ),
    "ROW_PARENT_REFUSED": Wording(
        "error",
        "上级 {parent}（第 {others} 行）有错误，本行随之不能导入",
        "先改正第 {others} 行",
        "The parent {parent} (line {others}) is refused, and this row with it",
        "Mend line {others} first",
    ),
    "ROW_PARENT_NOT_PREFIX": Wording(
        "warning",
        "上级 {parent} 与代码 {code} 的前 9 位不同，已按上级代码处理",
        "核对社区（村）所属的街道（镇、乡）",
        "The parent {parent} is not the beginning of the code {code}; the parent code was followed",
        "Check which street the community belongs to",
    ),
    "ROW_PARENT_DERIVED": Wording(
        "note",
        "上级代码为空，已按代码前几位定为 {parent}",
        "如判断有误，请补填上级代码",
        "parent_code is empty; by the code the parent is {parent}",
        "Fill parent_code in if that is wrong",
    ),
    "ROW_COUNTY_CONFLICT": Wording(
        "error",
        "代码 {code} 与上级 {parent} 不属于同一地区",
        "核对并改正代码或上级代码",
        "The code {code} and its parent {parent} belong to different areas",
        "Compare them and correct the code or parent_code",
    ),
    # The row
    "ROW_CELL_BROKEN": Wording(
        "error",
        "单元格是公式错误“{value}”",
        "在原表中改正公式，或直接填写内容",
        "The cell holds the formula error {value!r}",
        "Mend the formula in the table, or write the content itself",
    ),
    "ROW_CELLS_SURPLUS": Wording(
        "error",
        "本行比表头多出单元格“{value}”，内容可能错位",
        "名称中的逗号请用英文双引号括住该单元格，或删去多余的分隔符",
        "The row has more cells than the header ({value!r}); its content may have shifted",
        'Put a cell that holds a comma between quotation marks ("), or remove the stray delimiter',
    ),
    "ROW_DUPLICATE": Wording(
        "note",
        "与第 {others} 行重复，只保留一次",
        "无需处理；也可删去本行",
        "The row repeats line {others}; it is kept once",
        "Nothing need be done; you may delete this line",
    ),
    "ROW_VIRTUAL": Wording(
        "note",
        "{code} 是统计用的虚拟社区或虚拟生活区（498、598），不导入",
        "无需处理",
        "{code} is a virtual community of the statistics (498, 598) and is left out",
        "Nothing need be done",
    ),
    # The file
    "FILE_OTHER_COUNTIES": Wording(
        "note",
        "有 {count} 行不属于 {county}，未导入（第 {others} 行等）",
        "无需处理；如需导入其他县（市、区），请分别执行",
        "{count} rows do not belong to {county} and were left out (lines {others})",
        "Nothing need be done; import each other county by itself",
    ),
    "FILE_COLUMNS_IGNORED": Wording(
        "note",
        "以下列未使用：{value}",
        "无需处理；如其中有代码、名称、级别或上级代码，请改正表头",
        "These columns were not used: {value}",
        "Nothing need be done; correct the header if one of them is the code, name, level or parent code",
    ),
    "FILE_OTHER_WORKSHEETS": Wording(
        "warning",
        "只读取了第一个区划工作表，以下工作表未读取：{value}",
        "如其中也有需要的行，请合并到同一工作表",
        "Only the first worksheet with divisions was read; not read: {value}",
        "If they hold rows you need, bring all rows into one worksheet",
    ),
    "FILE_LEVEL_COLUMN_ABSENT": Wording(
        "note",
        "没有“级别”列，各行级别按代码判断",
        "无需处理；如判断有误，请增加“级别”列",
        "There is no column level; levels follow from the codes",
        "Nothing need be done; add the column if that is wrong",
    ),
    "FILE_PARENT_COLUMN_ABSENT": Wording(
        "note",
        "没有“上级代码”列，上级按代码前几位判断",
        "无需处理；如判断有误，请增加“上级代码”列",
        "There is no column parent_code; parents follow from the codes",
        "Nothing need be done; add the column if that is wrong",
    ),
    "COUNTY_ANCESTOR_UNNAMED": Wording(
        "note",
        "文件中没有上级 {code}（{level_zh}）可用的行，只登记代码",
        "无需处理；如需显示名称，请补上该行",
        "The file has no usable row of {code} ({level_en}); only its code is known",
        "Nothing need be done; add the row if its name shall be shown",
    ),
}
