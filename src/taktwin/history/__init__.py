"""The plant's memory: one writer (the historian), many readers. Rows are facts as they were heard."""
