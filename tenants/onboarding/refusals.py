"""Why a whole file, or the county asked for, is refused before any row is looked at."""

from gongzhi.core.errors import Refusal


class OnboardingRefused(Refusal):
    """Nothing of the file was taken; the message says how to mend it."""


class FileUnreadable(OnboardingRefused):
    """There is no such file, or it may not be read."""

    code = "ONBOARDING_FILE_UNREADABLE"
    zh = "无法读取文件“{file}”：请核对路径、确认它是普通文件，并检查读取权限"
    en = "The file “{file}” cannot be read; check the path, that it is an ordinary file, and that you may read it"


class FileTooLarge(OnboardingRefused):
    """The file is larger than any table of one county can be."""

    code = "ONBOARDING_FILE_TOO_LARGE"
    zh = "文件“{file}”有 {size} MB，超过上限 {limit} MB：请只保留所需县（市、区）的行，删去图片和其他工作表后再导入"
    en = (
        "The file {file!r} has {size} MB, the limit is {limit} MB; keep only the rows of the county you need, "
        "remove pictures and other worksheets, and import it again"
    )


class FileEmpty(OnboardingRefused):
    """The file has no bytes, no cells, or a header and nothing under it."""

    code = "ONBOARDING_FILE_EMPTY"
    zh = "文件“{file}”没有数据行：请确认导出成功，并在表头下面填写区划"
    en = "The file “{file}” has no rows of data; check that the export succeeded and fill rows in under the header"


class FileKind(OnboardingRefused):
    """The content, whatever the name says, is neither a CSV nor an XLSX table."""

    code = "ONBOARDING_FILE_KIND"
    zh = "文件“{file}”的内容是 {kind}，不是表格：请用电子表格软件打开，另存为 XLSX 或 CSV（UTF-8）"
    en = "The content of “{file}” is {kind}, not a table; open it in a spreadsheet program and save it as XLSX or CSV (UTF-8)"


class FileOldXls(OnboardingRefused):
    """An .xls workbook of the years before 2007."""

    code = "ONBOARDING_FILE_OLD_XLS"
    zh = "文件“{file}”是旧版 Excel（.xls）：请在 Excel 或 WPS 中打开，另存为“Excel 工作簿（*.xlsx）”"
    en = "The file “{file}” is an old Excel workbook (.xls); open it in Excel or WPS and save it as .xlsx"


class FileEncrypted(OnboardingRefused):
    """A workbook that asks for a password."""

    code = "ONBOARDING_FILE_ENCRYPTED"
    zh = "文件“{file}”设有打开密码：请在 Excel 或 WPS 中取消密码（文件—信息—保护工作簿），保存后再导入"
    en = "The file “{file}” is protected by a password; remove it in Excel or WPS (File, Info, Protect) and save it again"


class FileTruncated(OnboardingRefused):
    """An XLSX whose end is missing."""

    code = "ONBOARDING_FILE_TRUNCATED"
    zh = "文件“{file}”不完整，可能下载或复制中断：请重新下载或复制，确认能在 Excel 中打开"
    en = "The file “{file}” is cut short; download or copy it again and check that a spreadsheet program opens it"


class FileCorrupt(OnboardingRefused):
    """An XLSX with its end in place and something broken inside."""

    code = "ONBOARDING_FILE_CORRUPT"
    zh = "文件“{file}”已损坏：请在 Excel 或 WPS 中打开并修复，另存为新的 XLSX 或 CSV（UTF-8）后再导入"
    en = "The file “{file}” is damaged; open and repair it in Excel or WPS and save it as a new XLSX or CSV (UTF-8)"


class FileBomb(OnboardingRefused):
    """An archive that unpacks to far more than it weighs, or than it says."""

    code = "ONBOARDING_FILE_BOMB"
    zh = "文件“{file}”解压后过大，已停止读取：请把区划表复制到新的空白工作簿，另存为 XLSX 或 CSV（UTF-8）"
    en = (
        "The file {file!r} unpacks to far too much and was not read; "
        "copy the table into a new, empty workbook and save that as XLSX or CSV (UTF-8)"
    )


class FileEntities(OnboardingRefused):
    """XML with entities or a document type, which no spreadsheet program writes."""

    code = "ONBOARDING_FILE_ENTITIES"
    zh = "文件“{file}”含有 XML 实体声明，正常的电子表格没有：请确认来源，把表格复制到新的工作簿再导入"
    en = (
        "The file {file!r} declares XML entities, which no spreadsheet program does; "
        "check where it comes from and copy the table into a new workbook"
    )


class FileEncoding(OnboardingRefused):
    """Text that is neither UTF-8 nor GB18030."""

    code = "ONBOARDING_FILE_ENCODING"
    zh = "文件“{file}”第 {line} 行（第 {byte} 字节）无法按 {encoding} 解码：请重新导出，另存为 CSV（UTF-8）或 XLSX"
    en = "Line {line} (byte {byte}) of “{file}” is not {encoding}; export it again and save it as CSV (UTF-8) or XLSX"


class FileQuotes(OnboardingRefused):
    """A quotation mark that is never closed, or text after a closed one."""

    code = "ONBOARDING_FILE_QUOTES"
    zh = "文件“{file}”第 {line} 行起的引号不成对：请删去多余的英文双引号，或另存为 XLSX 后再导入"
    en = (
        'The quotation marks (") from line {line} of {file!r} do not match; '
        "remove the stray one, or save the table as XLSX"
    )


class FileTooManyRows(OnboardingRefused):
    """More rows than the limit."""

    code = "ONBOARDING_FILE_TOO_MANY_ROWS"
    zh = "文件“{file}”超过 {limit} 行（第 {line} 行起）：请只保留所需县（市、区）的行"
    en = "The file “{file}” has more than {limit} rows (from line {line}); keep only the rows of the county you need"


class FileTooWide(OnboardingRefused):
    """More columns than the limit."""

    code = "ONBOARDING_FILE_TOO_WIDE"
    zh = "文件“{file}”第 {line} 行超过 {limit} 列：请只保留代码、名称、级别、上级代码四列，并检查分隔符"
    en = (
        "Line {line} of {file!r} has more than {limit} columns; "
        "keep only code, name, level and parent_code, and check the delimiter"
    )


class HeaderMissing(OnboardingRefused):
    """No line near the top names the columns."""

    code = "ONBOARDING_HEADER_MISSING"
    zh = "文件“{file}”缺少表头列：{missing}（看到的是：{found}）：请在数据上方加一行 code,name,level,parent_code（或 代码,名称,级别,上级代码）"
    en = (
        "The file {file!r} lacks the header columns {missing} (it has: {found}); "
        "put a line code,name,level,parent_code above the data"
    )


class HeaderTwice(OnboardingRefused):
    """Two columns claim to be the same thing."""

    code = "ONBOARDING_HEADER_TWICE"
    zh = "文件“{file}”有两列都表示 {column}：{labels}：请删去或改名其中一列"
    en = "Two columns of “{file}” both mean {column}: {labels}; delete or rename one of them"


class CountyMalformed(OnboardingRefused):
    """What was given as the county is not the code of one."""

    code = "ONBOARDING_COUNTY_MALFORMED"
    zh = "“{county}”不是县级代码：请填 6 位数字，例如 530425"
    en = "“{county}” is not the code of a county; give its six digits, for example 530425"


class CountyAbsent(OnboardingRefused):
    """No row of the file belongs to the county asked for."""

    code = "ONBOARDING_COUNTY_ABSENT"
    zh = "文件中没有 {county} 的行；文件里有：{held}；代码无法识别的行：{unclear}：请核对县级代码，或换用该县的文件"
    en = (
        "The file has no row of {county}; it holds: {held}; rows whose code cannot be read: {unclear}. "
        "Check the county's code, or take that county's file"
    )
