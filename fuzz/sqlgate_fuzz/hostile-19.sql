COMMENT ON TABLE t IS $a$ $b$ $a$;
GRANT ALL ON t TO x -- $b$