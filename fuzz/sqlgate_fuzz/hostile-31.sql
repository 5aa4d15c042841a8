CREATE TABLE t (a text DEFAULT '\');
GRANT ALL ON t TO x; --')