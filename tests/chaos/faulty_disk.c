/* A disk that fails, for one program: LD_PRELOAD=faulty_disk.so FAULTY_DISK="below=/dir control=/file" program.
 *
 * The control file says what is wrong with the files below the directory, and may be changed at any time:
 *
 *   none                    nothing
 *   eio CALLS SEED SHARE    each of CALLS fails with EIO, a share of times in a thousand drawn from the seed
 *   enospc CALLS SEED SHARE the same with ENOSPC
 *   short CALLS SEED SHARE  reads and writes take a part of what they are given
 *   slow CALLS SEED SHARE   each takes 50 ms
 *
 * CALLS: read,write,sync,rename,link,open,stat,cut (comma between). What failed is counted in CONTROL.count.
 * Reading by mmap is not seen.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { kNone, kEio, kEnospc, kShort, kSlow };

static struct {
  int kind, share;
  uint64_t seed;
  char calls[200];
} fault;
static struct timespec read_at;
static char below[1024], control[1024];
static atomic_ullong drawn, hits;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int inside;

#define REAL(name) ((__typeof__(&name))real(#name))
static void* real(const char* name) { return dlsym(RTLD_NEXT, name); }

static void read_settings(void) {
  if (below[0] == 0) {
    const char* text = getenv("FAULTY_DISK");
    if (text == NULL || sscanf(text, "below=%1000s control=%1000s", below, control) != 2) strcpy(below, "?");
  }
  struct stat now;
  if (below[0] == '?' || fstatat(AT_FDCWD, control, &now, 0) != 0) return;
  if (now.st_mtim.tv_sec == read_at.tv_sec && now.st_mtim.tv_nsec == read_at.tv_nsec) return;
  FILE* file = fopen(control, "r");
  if (file == NULL) return;
  read_at = now.st_mtim;
  char kind[20] = "none";
  unsigned long long seed = 0;
  fault.share = 0;
  fault.calls[0] = 0;
  if (fscanf(file, "%19s %199s %llu %d", kind, fault.calls, &seed, &fault.share) < 1) strcpy(kind, "none");
  fclose(file);
  fault.seed = seed;
  fault.kind = !strcmp(kind, "eio")      ? kEio
               : !strcmp(kind, "enospc") ? kEnospc
               : !strcmp(kind, "short")  ? kShort
               : !strcmp(kind, "slow")   ? kSlow
                                         : kNone;
}

static void count_hit(void) {
  char name[1100], text[40];
  snprintf(name, sizeof name, "%s.count", control);
  int length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)atomic_fetch_add(&hits, 1) + 1);
  int file = REAL(open)(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return;
  if (REAL(pwrite)(file, text, (size_t)length, 0) < 0) errno = 0;
  REAL(close)(file);
}

/* What is wrong with this call on this path: one of the kinds. */
static int wrong(const char* call, const char* path) {
  if (inside || path == NULL) return kNone;
  inside = 1;
  int saved = errno, kind = kNone;
  pthread_mutex_lock(&mutex);
  read_settings();
  size_t length = strlen(below);
  if (fault.kind != kNone && strncmp(path, below, length) == 0 && strstr(fault.calls, call) != NULL) {
    uint64_t x = fault.seed + 0x9e3779b97f4a7c15u * (atomic_fetch_add(&drawn, 1) + 1);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    if ((int)((x ^ (x >> 31)) % 1000) < fault.share) kind = fault.kind;
  }
  if (kind != kNone) count_hit();
  pthread_mutex_unlock(&mutex);
  inside = 0;
  errno = saved;
  if (kind == kSlow) {
    struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    return kNone;
  }
  return kind;
}

static const char* path_of(int fd, char* out, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, out, size - 1);
  if (length <= 0 || out[0] != '/') return NULL;
  out[length] = 0;
  return out;
}

static int wrong_fd(const char* call, int fd) {
  char path[2048];
  int saved = errno;
  const char* found = inside ? NULL : path_of(fd, path, sizeof path);
  errno = saved;
  return wrong(call, found);
}

static int wrong_at(const char* call, const char* path) {
  char whole[2048], directory[1024];
  if (inside || path == NULL || path[0] == '/') return wrong(call, path);
  while (strncmp(path, "./", 2) == 0) path += 2;
  if (getcwd(directory, sizeof directory) == NULL) return kNone;
  snprintf(whole, sizeof whole, "%s/%s", directory, path);
  return wrong(call, whole);
}

/* -1 with errno where it is to fail. */
static int failed(int kind) {
  if (kind != kEio && kind != kEnospc) return 0;
  errno = kind == kEio ? EIO : ENOSPC;
  return -1;
}

static size_t part(int kind, size_t bytes) { return kind == kShort && bytes > 1 ? 1 + bytes / 3 : bytes; }

#define DATA_CALL(type, name, call, parameters, size, arguments) \
  type name parameters {                                         \
    int kind = wrong_fd(call, fd);                               \
    if (failed(kind)) return -1;                                 \
    size = part(kind, size);                                     \
    return REAL(name) arguments;                                 \
  }
DATA_CALL(ssize_t, read, "read", (int fd, void* to, size_t size), size, (fd, to, size))
DATA_CALL(ssize_t, pread, "read", (int fd, void* to, size_t size, off_t at), size, (fd, to, size, at))
DATA_CALL(ssize_t, pread64, "read", (int fd, void* to, size_t size, off64_t at), size, (fd, to, size, at))
DATA_CALL(ssize_t, write, "write", (int fd, const void* from, size_t size), size, (fd, from, size))
DATA_CALL(ssize_t, pwrite, "write", (int fd, const void* from, size_t size, off_t at), size, (fd, from, size, at))
DATA_CALL(ssize_t, pwrite64, "write", (int fd, const void* from, size_t size, off64_t at), size, (fd, from, size, at))

ssize_t writev(int fd, const struct iovec* from, int count) {
  if (failed(wrong_fd("write", fd))) return -1;
  return REAL(writev)(fd, from, count);
}

#define FD_CALL(name, call, parameters, arguments) \
  int name parameters {                            \
    if (failed(wrong_fd(call, fd))) return -1;     \
    return REAL(name) arguments;                   \
  }
FD_CALL(fsync, "sync", (int fd), (fd))
FD_CALL(fdatasync, "sync", (int fd), (fd))
FD_CALL(ftruncate, "cut", (int fd, off_t size), (fd, size))
FD_CALL(ftruncate64, "cut", (int fd, off64_t size), (fd, size))

#define PATH_CALL(name, call, parameters, path, arguments) \
  int name parameters {                                    \
    if (failed(wrong_at(call, path))) return -1;           \
    return REAL(name) arguments;                           \
  }
PATH_CALL(rename, "rename", (const char* from, const char* to), to, (from, to))
PATH_CALL(link, "link", (const char* from, const char* to), to, (from, to))
PATH_CALL(stat, "stat", (const char* path, struct stat* out), path, (path, out))
PATH_CALL(access, "stat", (const char* path, int mode), path, (path, mode))

DIR* opendir(const char* path) {
  if (failed(wrong_at("open", path))) return NULL;
  return REAL(opendir)(path);
}

#define OPEN_CALL(name)                                                \
  int name(const char* path, int flags, ...) {                         \
    mode_t mode = 0;                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                               \
      va_list more;                                                    \
      va_start(more, flags);                                           \
      mode = va_arg(more, mode_t);                                     \
      va_end(more);                                                    \
    }                                                                  \
    if (failed(wrong_at("open", path))) return -1;                     \
    return REAL(name)(path, flags, mode);                              \
  }
OPEN_CALL(open)
OPEN_CALL(open64)
