"""Rows of history as data frames: for notebooks, for training, for whoever thinks in pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from taktwin.history.values import Kind, unpack
from taktwin.quality import Quality

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

_PLAIN = {Kind.FLOAT64: ("f64", "float64"), Kind.INT64: ("i64", "int64"), Kind.BOOL: ("i64", "bool")}


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return rows as a frame indexed by source time (UTC): signal, value, quality, who said it.

    `value` has the dtype of the values if they are all of one kind, else it holds Python objects,
    exactly as they came in.
    """
    import pandas as pd

    frame = pd.DataFrame(
        {
            "signal": table["signal"].to_pandas().astype("category"),
            "value": pd.Series(values := _values(table), dtype=values.dtype),
            "quality": pd.Categorical.from_codes(
                table["quality"].to_numpy().astype(np.int8), categories=[q.label for q in Quality]
            ),
            "connector": table["connector"].to_pandas().astype("category"),
            "sequence": table["sequence"].to_numpy(),
        }
    )
    frame.index = pd.DatetimeIndex(
        pd.to_datetime(table["source_ns"].to_numpy(), unit="ns", utc=True), name="time"
    )
    return frame


def wide(joined: pa.Table, times_ns: Any) -> pd.DataFrame:
    """Return an as-of join as one row an instant, in the order asked, and a column a signal.

    Where a signal was not known yet, the cell is empty (NaN or None).
    """
    import pandas as pd

    index = pd.DatetimeIndex(pd.to_datetime(np.asarray(times_ns, np.int64), unit="ns", utc=True), name="time")
    names = joined["signal"].to_numpy(zero_copy_only=False)
    rows = joined["row"].to_numpy()
    columns = {}
    for name in sorted(set(names)):
        mine = np.flatnonzero(names == name)
        values = _values(joined.take(mine))
        full = len(mine) == len(index)
        column = np.empty(len(index), values.dtype if full else np.result_type(values.dtype, np.float64)
                          if values.dtype.kind in "if" else object)  # fmt: skip
        column[:] = None if column.dtype == object else np.nan if column.dtype.kind == "f" else 0
        column[rows[mine]] = values
        # Said twice, because pandas would make its own text type of objects and NaN of None.
        columns[name] = pd.Series(column, index=index, dtype=column.dtype)
    return pd.DataFrame(columns, index=index)


def _values(table: pa.Table) -> Any:
    kinds = np.unique(table["kind"].to_numpy()).tolist()
    if len(kinds) == 1 and kinds[0] in _PLAIN:
        column, dtype = _PLAIN[Kind(kinds[0])]
        return table[column].to_numpy().astype(dtype)
    values = unpack(table)
    column_of_objects = np.empty(len(values), object)
    column_of_objects[:] = values
    return column_of_objects
