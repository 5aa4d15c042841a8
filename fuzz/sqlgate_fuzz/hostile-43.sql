/* /* nested */ GRANT */
GRANT ALL ON t TO x