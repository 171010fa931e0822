/* Arguments, environment, standard streams, time, randomness and waiting, through libc. */
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static void time_passes(void) {
  struct timespec before, after, resolution, nap = {.tv_sec = 0, .tv_nsec = 20000000};
  CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
  CHECK(nanosleep(&nap, NULL) == 0);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
  long long passed = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
  CHECK(passed >= nap.tv_nsec);
  CHECK(time(NULL) > 1600000000);
}

static void streams_are_ready(void) {
  struct pollfd both[2] = {{.fd = 0, .events = POLLIN}, {.fd = 1, .events = POLLOUT}};
  CHECK(poll(both, 2, 1000) == 2);
  CHECK(both[0].revents & POLLIN);
  CHECK(both[1].revents & POLLOUT);
  CHECK(!isatty(0) && !isatty(1));
}

int main(int argc, char **argv) {
  unsigned char first[16] = {0}, second[16] = {0};
  char line[128];
  for (int index = 0; index < argc; index++) printf("arg %s\n", argv[index]);
  printf("LANG %s\n", getenv("LANG") ? getenv("LANG") : "(none)");
  CHECK(getenv("HOME") == NULL);
  streams_are_ready();
  time_passes();
  CHECK(getentropy(first, sizeof first) == 0 && getentropy(second, sizeof second) == 0);
  CHECK(memcmp(first, second, sizeof first) != 0);
  while (fgets(line, sizeof line, stdin)) printf("in %s", line);
  fprintf(stderr, "done\n");
  return 40 + argc;
}
