"""The words a loader may use: functions, types and what may stand before a parenthesis.

An allow list per dialect: pure functions of their arguments (and the clock), that neither write,
lock, wait, read files or the catalogue, open connections nor run text as SQL. Names are lower
case. Functions whose only use is to make huge values (`repeat`, `space`) are left out.
"""

from __future__ import annotations

from typing import Final

from loaders.dialects import DatabaseType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHARED_AGGREGATES = _words(
    "count sum avg min max stddev stddev_pop stddev_samp variance var_pop var_samp "
    "bit_and bit_or bit_xor any_value"
)
_WINDOW = _words(
    "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value "
    "nth_value"
)
_SHARED = _words(
    "abs ceil ceiling floor round mod power pow sqrt exp ln log sign degrees radians pi sin cos "
    "tan asin acos atan atan2 greatest least coalesce nullif length char_length "
    "character_length octet_length bit_length lower upper trim ltrim rtrim left right substring "
    "substr position replace concat concat_ws lpad rpad reverse ascii format md5 "
    "regexp_replace regexp_substr regexp_instr regexp_like extract date now current_date "
    "current_time current_timestamp localtime localtimestamp grouping cast"
)

AGGREGATES: Final = {
    DatabaseType.POSTGRESQL: _SHARED_AGGREGATES
    | _words(
        "string_agg array_agg bool_and bool_or every corr covar_pop covar_samp regr_slope "
        "regr_intercept regr_r2 regr_count regr_avgx regr_avgy percentile_cont percentile_disc "
        "mode json_agg jsonb_agg"
    ),
    DatabaseType.MYSQL: _SHARED_AGGREGATES
    | _words("std group_concat json_arrayagg json_objectagg"),
}

FUNCTIONS: Final = {
    DatabaseType.POSTGRESQL: AGGREGATES[DatabaseType.POSTGRESQL]
    | _SHARED
    | _WINDOW
    | _words(
        "trunc cbrt log10 div width_bucket gcd lcm initcap btrim strpos translate split_part "
        "regexp_match regexp_count starts_with chr overlay to_hex encode decode sha256 "
        "date_trunc date_part date_bin age transaction_timestamp statement_timestamp "
        "clock_timestamp to_char to_timestamp to_date to_number make_date make_time "
        "make_timestamp make_timestamptz make_interval justify_days justify_hours "
        "justify_interval timezone isfinite num_nulls num_nonnulls json_extract_path "
        "json_extract_path_text jsonb_extract_path jsonb_extract_path_text json_array_length "
        "jsonb_array_length json_array_elements json_array_elements_text jsonb_array_elements "
        "jsonb_array_elements_text json_typeof jsonb_typeof jsonb_each jsonb_each_text unnest "
        "array_length cardinality array_position array_to_string string_to_array "
        "generate_series"
    ),
    DatabaseType.MYSQL: AGGREGATES[DatabaseType.MYSQL]
    | _SHARED
    | _WINDOW
    | _words(
        "median percentile_cont percentile_disc truncate log2 log10 cot crc32 conv bin hex oct "
        "unhex if ifnull isnull lcase ucase mid substring_index instr locate field elt "
        "find_in_set ord char strcmp sha sha1 sha2 to_base64 from_base64 inet_aton inet_ntoa "
        "inet6_ntoa bit_count convert date_format str_to_date unix_timestamp from_unixtime "
        "timestamp time year month day dayofmonth dayofweek dayofyear weekday week weekofyear "
        "yearweek quarter hour minute second microsecond curdate curtime utc_date utc_time "
        "utc_timestamp sysdate date_add date_sub adddate subdate addtime subtime timestampdiff "
        "timestampadd datediff timediff convert_tz last_day makedate maketime sec_to_time "
        "time_to_sec to_days from_days to_seconds period_add period_diff time_format dayname "
        "monthname json_extract json_unquote json_value json_length json_contains "
        "json_contains_path json_valid json_type json_keys"
    ),
}

CLOCK_FUNCTIONS: Final = _words(
    "now current_date current_time current_timestamp localtime localtimestamp curdate curtime "
    "utc_date utc_time utc_timestamp sysdate transaction_timestamp statement_timestamp "
    "clock_timestamp"
)

# Types that take part in a cast or a column; the others may run user code when read.
TYPES: Final = {
    DatabaseType.POSTGRESQL: _words(
        "numeric decimal dec int integer int2 int4 int8 smallint bigint real float float4 float8 "
        "double text varchar char character date time timetz timestamp timestamptz "
        "interval boolean bool json jsonb uuid bytea inet bit"
    ),
    DatabaseType.MYSQL: _words(
        "numeric decimal dec char varchar nchar datetime time timestamp binary varbinary float "
        "double date signed unsigned integer int bigint year json real"
    ),
}

_SHARED_BEFORE_PARENTHESIS = _words(
    "select from where and or not in on using by having when then else case as over exists any "
    "all some values union except intersect distinct limit offset between like is interval join "
    "lateral row rollup escape recursive end"
)
BEFORE_PARENTHESIS: Final = {
    DatabaseType.POSTGRESQL: _SHARED_BEFORE_PARENTHESIS
    | _words(
        "array filter group cube sets materialized ilike to only symmetric varying zone "
        "precision similar placing overlaps"
    ),
    DatabaseType.MYSQL: _SHARED_BEFORE_PARENTHESIS
    | _words(
        "div mod xor regexp rlike binary index key partition match against of straight_join group"
    ),
}
"""Keywords that open a parenthesis without calling anything."""

HINTS: Final = _words(
    "index no_index join_index no_join_index group_index no_group_index order_index "
    "no_order_index index_merge no_index_merge mrr no_mrr no_icp no_range_optimization "
    "join_fixed_order join_order join_prefix join_suffix bka no_bka bnl no_bnl hash_join "
    "no_hash_join merge no_merge semijoin no_semijoin subquery skip_scan no_skip_scan "
    "seqscan noseqscan indexscan indexonlyscan noindexscan bitmapscan nobitmapscan nestloop "
    "hashjoin mergejoin nonestloop nohashjoin nomergejoin leading rows"
)
"""Optimizer hints that choose a plan; others set variables or lift the statement timeout."""

OUTPUT_COLUMNS: Final = (
    "LOAD_TIME_STAMP",
    *(f"SEGMENT_{position}" for position in range(1, 11)),
    "REC_COUNT",
    "SUM_VAL",
    "AVG_VAL",
    "MAX_VAL",
    "MIN_VAL",
)
VALUE_COUNT: Final = "VALUE_COUNT"
