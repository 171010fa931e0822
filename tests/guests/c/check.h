/* A guest that checks something says which line failed and exits with 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      fprintf(stderr, "%s:%d: %s (errno %d %s)\n", __FILE_NAME__, __LINE__,      \
              #condition, errno, strerror(errno));                                \
      exit(1);                                                                    \
    }                                                                             \
  } while (0)

#define FAILS(call, expected) \
  do {                        \
    errno = 0;                \
    CHECK((call) == -1);      \
    CHECK(errno == expected); \
  } while (0)
