/* The ABI itself: what libc hides. Each check is one fact of WASI preview 1. */
#include <wasi/api.h>

#include "check.h"

#define IS(call, expected)                                                     \
  do {                                                                         \
    int got = (call);                                                          \
    if (got != (expected)) {                                                   \
      fprintf(stderr, "%d: %s is %d, expected %s\n", __LINE__, #call, got, #expected); \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)
#define OK(call) IS(call, __WASI_ERRNO_SUCCESS)

static const __wasi_rights_t READ = __WASI_RIGHTS_FD_READ, WRITE = __WASI_RIGHTS_FD_WRITE;
static __wasi_fd_t data = 3;

static __wasi_errno_t open_at(__wasi_fd_t at, const char *path, __wasi_oflags_t oflags,
                              __wasi_rights_t rights, __wasi_fd_t *fd) {
  return __wasi_path_open(at, 0, path, oflags, rights, 0, 0, fd);
}

static void preopens(void) {
  __wasi_prestat_t prestat;
  uint8_t name[8] = {0};
  OK(__wasi_fd_prestat_get(data, &prestat));
  CHECK(prestat.tag == __WASI_PREOPENTYPE_DIR && prestat.u.dir.pr_name_len == 5);
  IS(__wasi_fd_prestat_dir_name(data, name, 0), __WASI_ERRNO_NAMETOOLONG);
  OK(__wasi_fd_prestat_dir_name(data, name, sizeof name));
  CHECK(memcmp(name, "/data\0\0\0", 8) == 0);
  IS(__wasi_fd_prestat_get(0, &prestat), __WASI_ERRNO_BADF);
  IS(__wasi_fd_prestat_get(77, &prestat), __WASI_ERRNO_BADF);
}

static void rights(void) {
  __wasi_fdstat_t known;
  __wasi_fd_t fd, folder;
  OK(__wasi_fd_fdstat_get(data, &known));
  CHECK(known.fs_filetype == __WASI_FILETYPE_DIRECTORY && known.fs_flags == 0);
  CHECK(known.fs_rights_base & __WASI_RIGHTS_PATH_OPEN);
  CHECK(!(known.fs_rights_base & (__WASI_RIGHTS_FD_SEEK | READ | WRITE)));
  CHECK((known.fs_rights_base & known.fs_rights_inheriting) == known.fs_rights_base);
  /* The same rights again, none at all, and a directory opened for reading. */
  OK(__wasi_path_open(data, 0, ".", 0, known.fs_rights_base, known.fs_rights_inheriting, 0, &folder));
  OK(open_at(data, ".", __WASI_OFLAGS_DIRECTORY, 0, &fd));
  OK(open_at(data, ".", __WASI_OFLAGS_DIRECTORY, READ, &fd));
  IS(open_at(data, ".", __WASI_OFLAGS_DIRECTORY, READ | WRITE, &fd), __WASI_ERRNO_ISDIR);
  OK(open_at(folder, "file", __WASI_OFLAGS_CREAT, READ | WRITE | __WASI_RIGHTS_FD_SEEK, &fd));
  OK(__wasi_fd_fdstat_get(fd, &known));
  CHECK(known.fs_rights_base == (READ | WRITE | __WASI_RIGHTS_FD_SEEK));
  OK(__wasi_fd_fdstat_set_rights(fd, READ, 0));
  IS(__wasi_fd_fdstat_set_rights(fd, READ | WRITE, 0), __WASI_ERRNO_NOTCAPABLE);
  __wasi_ciovec_t out = {.buf = (const uint8_t *)"x", .buf_len = 1};
  __wasi_size_t size;
  IS(__wasi_fd_write(fd, &out, 1, &size), __WASI_ERRNO_BADF);
  OK(__wasi_fd_close(fd));
  /* What may truncate, and what may not. */
  OK(__wasi_fd_fdstat_get(folder, &known));
  OK(open_at(folder, "file", __WASI_OFLAGS_TRUNC, 0, &fd));
  OK(__wasi_fd_close(fd));
  OK(__wasi_fd_fdstat_set_rights(folder,
      known.fs_rights_base & ~__WASI_RIGHTS_PATH_FILESTAT_SET_SIZE, known.fs_rights_inheriting));
  IS(open_at(folder, "file", __WASI_OFLAGS_TRUNC, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
}

static void names(void) {
  __wasi_fd_t fd;
  OK(__wasi_path_create_directory(data, "a"));
  OK(__wasi_path_create_directory(data, "a/b/"));
  OK(open_at(data, "a/.//b/../../a/b/../b///./f", __WASI_OFLAGS_CREAT, 0, &fd));
  OK(open_at(data, "a/b//", 0, 0, &fd));
  IS(open_at(data, "a/b/f/", 0, 0, &fd), __WASI_ERRNO_NOTDIR);
  IS(open_at(data, "/a/b/f", 0, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  IS(open_at(data, "a/b/../../../a/b/f", 0, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  IS(open_at(fd, "../b/f", 0, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  OK(__wasi_path_symlink("b", data, "a/link"));
  IS(open_at(data, "a/link", 0, 0, &fd), __WASI_ERRNO_LOOP);
  IS(open_at(data, "a/link", __WASI_OFLAGS_DIRECTORY, 0, &fd), __WASI_ERRNO_LOOP);
  OK(open_at(data, "a/link/f", 0, 0, &fd));
  OK(__wasi_path_open(data, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "a/link",
                      __WASI_OFLAGS_DIRECTORY, 0, 0, 0, &fd));
  IS(__wasi_path_symlink("x", data, "a/new/"), __WASI_ERRNO_NOENT);
  IS(__wasi_path_symlink("x", data, "a/b/"), __WASI_ERRNO_EXIST);
  IS(__wasi_path_link(data, 1, "a/link", data, "z"), __WASI_ERRNO_INVAL);
  IS(__wasi_path_link(data, 0, "a/b", data, "z"), __WASI_ERRNO_PERM);
  OK(__wasi_path_link(data, 0, "a/link", data, "z"));
  OK(__wasi_path_unlink_file(data, "z"));
  IS(__wasi_path_rename(data, "a", data, "a/b/c"), __WASI_ERRNO_INVAL);
  OK(__wasi_path_rename(data, "a/b/", data, "c/"));
  OK(__wasi_path_unlink_file(data, "c/f"));
  OK(__wasi_path_remove_directory(data, "c/"));
  OK(__wasi_path_unlink_file(data, "a/link"));
  OK(__wasi_path_remove_directory(data, "a"));
}

static void numbers(void) {
  __wasi_fd_t one, two;
  __wasi_fdstat_t known;
  __wasi_filestat_t before, after;
  OK(open_at(data, "one", __WASI_OFLAGS_CREAT, READ, &one));
  OK(open_at(data, "two", __WASI_OFLAGS_CREAT, READ, &two));
  OK(__wasi_fd_renumber(one, two));
  IS(__wasi_fd_close(one), __WASI_ERRNO_BADF);
  IS(__wasi_fd_renumber(two, one), __WASI_ERRNO_BADF);
  OK(__wasi_fd_close(two));
  OK(__wasi_path_open(data, 0, ".", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_FILESTAT_GET, 0, 0, &one));
  OK(__wasi_fd_filestat_get(one, &before));
  OK(__wasi_fd_renumber(one, data));
  OK(__wasi_fd_filestat_get(data, &after));
  CHECK(before.ino == after.ino && before.dev == after.dev);
  OK(__wasi_fd_close(data));
  IS(__wasi_fd_fdstat_get(data, &known), __WASI_ERRNO_BADF);
}

static void waiting(void) {
  __wasi_subscription_t asked[3] = {
      {.userdata = 7, .u = {.tag = __WASI_EVENTTYPE_CLOCK,
                            .u = {.clock = {.id = __WASI_CLOCKID_MONOTONIC, .timeout = 1000}}}},
      {.userdata = 8, .u = {.tag = __WASI_EVENTTYPE_FD_WRITE,
                            .u = {.fd_write = {.file_descriptor = 1}}}},
      {.userdata = 9, .u = {.tag = __WASI_EVENTTYPE_FD_READ,
                            .u = {.fd_read = {.file_descriptor = 77}}}},
  };
  __wasi_event_t events[3];
  __wasi_size_t count;
  IS(__wasi_poll_oneoff(asked, events, 0, &count), __WASI_ERRNO_INVAL);
  OK(__wasi_poll_oneoff(asked, events, 1, &count));
  CHECK(count == 1 && events[0].userdata == 7 && events[0].error == 0);
  CHECK(events[0].type == __WASI_EVENTTYPE_CLOCK);
  OK(__wasi_poll_oneoff(asked, events, 3, &count));
  CHECK(count == 2 && events[0].userdata == 8 && events[0].error == 0);
  CHECK(events[1].userdata == 9 && events[1].error == __WASI_ERRNO_BADF);
}

int main(void) {
  preopens();
  rights();
  names();
  waiting();
  numbers();
  puts("all well");
  return 0;
}
