"""The kinds of syntax tree nodes a loader may consist of. What is not listed is refused."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from loaders.sql_guard.verdict import Code

_QUERY = (
    "Select Subquery Union Intersect Except With CTE From Join Lateral Table TableAlias Values "
    "Tuple Where Group GroupingSets Rollup Cube Having Order Ordered Limit LimitOptions Fetch "
    "Offset Distinct Window WindowSpec Filter WithinGroup IgnoreNulls RespectNulls Alias Column "
    "Identifier Star Dot Paren Var IndexTableHint Partition ColumnDef"
)
_VALUES = (
    "Literal Null Boolean Interval National HexString BitString ByteString RawString Introducer "
    "DataType DataTypeParam Array Bracket Slice JSONPath JSONPathKey JSONPathRoot "
    "JSONPathSubscript JSONPathWildcard Concat"
)
_OPERATORS = (
    "And Or Xor Not Neg EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In Between Like ILike "
    "SimilarTo Escape Exists Any All Add Sub Mul Div IntDiv Mod Pow DPipe BitwiseAnd BitwiseOr "
    "BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift RegexpLike RegexpILike Collate "
    "AtTimeZone Case If Cast TryCast JSONExtract JSONExtractScalar JSONBExtract "
    "JSONBExtractScalar JSONBContains JSONBContainsTopKey JSONBContainsAnyTopKeys "
    "JSONBContainsAllTopKeys ArrayContainsAll ArrayContainedBy ArrayContains ArrayOverlaps "
    "Overlaps JSONArrayContains MatchAgainst Soundex Kwarg Lambda"
)
_FUNCTIONS = (
    "Anonymous AnonymousAggFunc Abs Acos AnyValue ArrayAgg ArrayPosition ArraySize ArrayToString "
    "Ascii Asin Atan Atan2 Avg BitLength BitwiseAndAgg BitwiseCount BitwiseOrAgg BitwiseXorAgg "
    "Cbrt Ceil Chr Coalesce ConcatWs ConvertTimezone Corr Cos Cot Count CovarPop CovarSamp "
    "CumeDist CurrentDate CurrentTime CurrentTimestamp Date DateAdd DateBin DateDiff DateSub Day "
    "DayOfMonth DayOfWeek DayOfYear Dayname Decode DecodeCase Degrees DenseRank Elt Encode Exp "
    "Explode ExplodingGenerateSeries Extract FirstValue Floor Format FromBase64 GenerateSeries "
    "Greatest GroupConcat Grouping Hex Hour Initcap JSONArrayAgg JSONKeys JSONObjectAgg JSONType "
    "JSONValue JustifyDays JustifyHours JustifyInterval Lag LastDay LastValue Lead Least Left "
    "Length Ln Localtime Localtimestamp Log LogicalAnd LogicalOr Lower MD5 MakeInterval Max "
    "Median Min Minute Mode Month NthValue Ntile Nullif NumberToStr Overlay Pad PercentRank "
    "PercentileCont PercentileDisc Pi Quarter Radians Rank RegexpCount RegexpInstr RegexpReplace "
    "RegexpSubstr RegrAvgx RegrAvgy RegrCount RegrIntercept RegrR2 RegrSlope Replace Reverse "
    "Right Round RowNumber SHA SHA2 SHA2Digest Second Sign Sin SplitPart Sqrt StartsWith Stddev "
    "StddevPop StddevSamp StrPosition StrToDate StrToTime StringToArray Substring SubstringIndex "
    "Sum Tan Time TimeFromParts TimeToStr Timestamp TimestampAdd TimestampDiff "
    "TimestampFromParts TimestampTrunc ToBase64 ToNumber Translate Trim Trunc TsOrDsToDate "
    "TsOrDsToTimestamp Unhex UnixToTime Unnest Upper UtcDate UtcTime UtcTimestamp Variance "
    "VariancePop Week WeekOfYear WidthBucket Year"
)

_TYPES = (
    "ARRAY BIGINT BINARY BIT BOOLEAN CHAR CHARACTER_SET DATE DATETIME DECIMAL DOUBLE FLOAT INET "
    "INT INTERVAL JSON JSONB NCHAR SMALLINT TEXT TIME TIMESTAMP TIMESTAMPTZ TIMESTAMPNTZ TIMETZ "
    "TINYINT UBIGINT UINT UUID VARBINARY VARCHAR YEAR"
)


def _classes(*names: str) -> frozenset[type[exp.Expr]]:
    return frozenset(getattr(exp, name) for line in names for name in line.split())


ALLOWED_NODES: Final = _classes(_QUERY, _VALUES, _OPERATORS, _FUNCTIONS)

REFUSED_NODES: Final[tuple[tuple[type[exp.Expr], Code, str], ...]] = (
    (exp.Into, Code.INTO, "INTO is not allowed: a loader only reads."),
    (exp.Lock, Code.LOCKING, "Locking rows is not allowed."),
    (exp.DML, Code.WRITES, "Changing data is not allowed: a loader only reads."),
    (exp.DDL, Code.WRITES, "Changing data is not allowed: a loader only reads."),
    (exp.Parameter, Code.VARIABLE, "Variables are not allowed."),
    (exp.SessionParameter, Code.VARIABLE, "Variables are not allowed."),
    (exp.PropertyEQ, Code.VARIABLE, "Assigning with := is not allowed."),
    (exp.Hint, Code.HINT, "This optimizer hint is not allowed."),
    (exp.Command, Code.NOT_SELECT, "A loader must be one SELECT."),
)
"""Codes for nodes that are refused with a reason of their own; the first that fits counts."""

ALLOWED_TYPES: Final = frozenset(getattr(exp.DataType.Type, name) for name in _TYPES.split())

# Only these are run on rows of a group; a Window around one makes it something else.
AGGREGATE_NODES: Final = _classes(
    "AnyValue ArrayAgg Avg BitwiseAndAgg BitwiseOrAgg BitwiseXorAgg Corr Count CovarPop CovarSamp "
    "GroupConcat JSONArrayAgg JSONObjectAgg LogicalAnd LogicalOr Max Median Min Mode "
    "PercentileCont PercentileDisc RegrAvgx RegrAvgy RegrCount RegrIntercept RegrR2 RegrSlope "
    "Stddev StddevPop StddevSamp Sum Variance VariancePop"
)
