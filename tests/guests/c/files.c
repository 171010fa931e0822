/* What C programs do with files, through libc, in the folder /data. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static void streams(void) {
  char line[32] = {0};
  FILE *file = fopen("/data/notes.txt", "w+");
  CHECK(file != NULL);
  CHECK(fprintf(file, "one %d\ntwo\n", 1) == 10);
  CHECK(fflush(file) == 0);
  CHECK(fseek(file, 0, SEEK_SET) == 0);
  CHECK(fgets(line, sizeof line, file) != NULL);
  CHECK(strcmp(line, "one 1\n") == 0);
  CHECK(ftell(file) == 6);
  CHECK(fseek(file, -4, SEEK_END) == 0);
  CHECK(fread(line, 1, sizeof line, file) == 4);
  CHECK(feof(file));
  CHECK(fclose(file) == 0);
  file = fopen("/data/notes.txt", "a");
  CHECK(file != NULL && fputs("three\n", file) >= 0 && fclose(file) == 0);
  CHECK(fopen("/data/none", "r") == NULL && errno == ENOENT);
  CHECK(fopen("/data", "w") == NULL && errno == EISDIR);
}

static void numbers(void) {
  char buffer[16];
  struct stat known;
  int fd = open("/data/raw", O_RDWR | O_CREAT | O_EXCL, 0644);
  CHECK(fd > 2);
  CHECK(!isatty(fd));
  CHECK(write(fd, "0123456789", 10) == 10);
  CHECK(pread(fd, buffer, 4, 3) == 4 && memcmp(buffer, "3456", 4) == 0);
  CHECK(pwrite(fd, "xy", 2, 8) == 2);
  CHECK(lseek(fd, 0, SEEK_CUR) == 10);
  CHECK(lseek(fd, -2, SEEK_CUR) == 8);
  FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
  CHECK(ftruncate(fd, 12) == 0);
  CHECK(fstat(fd, &known) == 0);
  CHECK(known.st_size == 12 && S_ISREG(known.st_mode) && known.st_nlink == 1);
  CHECK(fsync(fd) == 0);
  CHECK(close(fd) == 0);
  FAILS(close(fd), EBADF);
  FAILS(open("/data/raw", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
  fd = open("/data/raw", O_RDONLY);
  FAILS(write(fd, "x", 1), EBADF);
  CHECK(close(fd) == 0);
  fd = open("/data/raw", O_WRONLY | O_APPEND);
  FAILS(read(fd, buffer, 1), EBADF);
  CHECK(write(fd, "end", 3) == 3);
  CHECK(lseek(fd, 0, SEEK_CUR) == 15);
  CHECK(close(fd) == 0);
}

static int count(const char *path) {
  int entries = 0;
  DIR *directory = opendir(path);
  CHECK(directory != NULL);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    struct stat known;
    entries++;
    /* A directory descriptor sees nothing above itself. */
    if (strcmp(entry->d_name, "..") == 0) continue;
    CHECK(fstatat(dirfd(directory), entry->d_name, &known, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(known.st_ino == entry->d_ino);
  }
  CHECK(closedir(directory) == 0);
  return entries;
}

static void folders(void) {
  char name[64];
  struct stat known;
  CHECK(mkdir("/data/dir", 0755) == 0);
  FAILS(mkdir("/data/dir", 0755), EEXIST);
  FAILS(mkdir("/data/none/dir", 0755), ENOENT);
  CHECK(count("/data/dir") == 2);
  for (int index = 0; index < 300; index++) {
    snprintf(name, sizeof name, "/data/dir/a-rather-long-name-%d", index);
    int fd = open(name, O_CREAT | O_WRONLY, 0644);
    CHECK(fd > 2 && close(fd) == 0);
  }
  CHECK(count("/data/dir") == 302);
  FAILS(rmdir("/data/dir"), ENOTEMPTY);
  FAILS(unlink("/data/dir"), EISDIR);
  for (int index = 0; index < 300; index++) {
    snprintf(name, sizeof name, "/data/dir/a-rather-long-name-%d", index);
    CHECK(unlink(name) == 0);
  }
  CHECK(rename("/data/dir", "/data/moved") == 0);
  CHECK(stat("/data/moved", &known) == 0 && S_ISDIR(known.st_mode));
  FAILS(stat("/data/dir", &known), ENOENT);
  CHECK(rmdir("/data/moved") == 0);
}

static void links(void) {
  char target[32] = {0};
  struct stat one, two;
  CHECK(symlink("raw", "/data/soft") == 0);
  CHECK(readlink("/data/soft", target, sizeof target) == 3 && strcmp(target, "raw") == 0);
  CHECK(lstat("/data/soft", &one) == 0 && S_ISLNK(one.st_mode));
  CHECK(link("/data/raw", "/data/hard") == 0);
  CHECK(stat("/data/soft", &one) == 0 && stat("/data/hard", &two) == 0);
  CHECK(one.st_ino == two.st_ino && one.st_dev == two.st_dev && two.st_nlink == 2);
  CHECK(unlink("/data/soft") == 0 && unlink("/data/hard") == 0);
  CHECK(access("/data/raw", R_OK) == 0);
  CHECK(access("/data/hard", R_OK) == -1);
}

static void outside(void) {
  FAILS(open("/data/../etc/passwd", O_RDONLY), ENOTCAPABLE);
  FAILS(mkdir("/data/../new", 0755), ENOTCAPABLE);
  CHECK(open("/etc/passwd", O_RDONLY) == -1);
  FAILS(symlink("/etc/passwd", "/data/out"), ENOTCAPABLE);
  CHECK(symlink("../etc/passwd", "/data/out") == 0);
  FAILS(open("/data/out", O_RDONLY), ENOTCAPABLE);
  CHECK(unlink("/data/out") == 0);
}

static void times(void) {
  struct stat known;
  struct timespec when[2] = {{.tv_sec = 100, .tv_nsec = 1}, {.tv_sec = 200, .tv_nsec = 2}};
  CHECK(utimensat(AT_FDCWD, "/data/raw", when, 0) == 0);
  CHECK(stat("/data/raw", &known) == 0);
  CHECK(known.st_atim.tv_sec == 100 && known.st_mtim.tv_sec == 200 && known.st_mtim.tv_nsec == 2);
}

int main(void) {
  streams();
  numbers();
  folders();
  links();
  outside();
  times();
  puts("all well");
  return 0;
}
