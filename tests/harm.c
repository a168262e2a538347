/* A disk that does not keep what it is given: while $HARM_FLAG exists, fsync and fdatasync of files whose path
   contains the flag's text fail with EIO. Loaded into a server by LD_PRELOAD (tests/harm.py). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int harmed(int fd) {
  char want[256] = "", link[64], path[4096];
  const char *flag = getenv("HARM_FLAG");
  FILE *in = flag ? fopen(flag, "r") : NULL;
  if (!in) return 0;
  want[fread(want, 1, sizeof want - 1, in)] = 0;
  fclose(in);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return strstr(path, want) != NULL;
}

int fsync(int fd) {
  if (harmed(fd)) { errno = EIO; return -1; }
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  if (harmed(fd)) { errno = EIO; return -1; }
  return (int)syscall(SYS_fdatasync, fd);
}
