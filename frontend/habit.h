/* habit.h: what people write who come from another language, and what is written here. */
#ifndef NNC_HABIT_H
#define NNC_HABIT_H

/* A help for a word that is none here; NULL where nothing is known of it. */
const char *habit_of_type(const char *name);
const char *habit_of_value(const char *name);
const char *habit_of_function(const char *name);
const char *habit_of_definition(const char *word);
const char *habit_of_character(const char *text);
/* A help for two words side by side, such as `*` `*`. */
const char *habit_of_pair(const char *word, const char *next);
#endif
