-- DROP
;;;
;GRANT ALL ON t TO x