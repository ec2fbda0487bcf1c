/* Writes down what a program does to the files under POWERCUT_FOLDER, in order, into the file POWERCUT_TRACE, so that
   tests/support/powercut.py can say what a disk may hold when the power goes. One record: kind, length of the path, offset,
   length of the data; then both. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off_t), (*real_unlink)(const char *);
static int trace = -1;
static const char *folder;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    folder = getenv("POWERCUT_FOLDER");
    const char *path = getenv("POWERCUT_TRACE");
    if (path && folder) trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int watched(int fd, char *path) {
    char link[64];
    if (trace < 0 || fd == trace) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static void record(char kind, const char *path, int64_t offset, const void *data, int64_t length) {
    uint32_t head[2] = {(uint32_t)kind, (uint32_t)strlen(path)};
    int64_t tail[2] = {offset, length};
    struct iovec parts[4] = {{head, sizeof head}, {tail, sizeof tail}, {(void *)path, head[1]}, {(void *)data, data ? (size_t)length : 0}};
    if (writev(trace, parts, 4) < 0) _exit(98);
}

ssize_t write(int fd, const void *data, size_t size) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return real_write(fd, data, size);
    pthread_mutex_lock(&one_at_a_time);
    ssize_t done = real_write(fd, data, size);
    if (done > 0) record('W', path, lseek(fd, 0, SEEK_CUR) - done, data, done);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return real_pwrite(fd, data, size, at);
    pthread_mutex_lock(&one_at_a_time);
    ssize_t done = real_pwrite(fd, data, size, at);
    if (done > 0) record('W', path, at, data, done);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return pwrite(fd, data, size, at); }

static int synced(int (*real)(int), int fd) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return real(fd);
    pthread_mutex_lock(&one_at_a_time);
    int failed = real(fd);
    if (!failed) record('S', path, 0, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return failed;
}

int fsync(int fd) { return synced(real_fsync, fd); }
int fdatasync(int fd) { return synced(real_fdatasync, fd); }

int ftruncate(int fd, off_t to) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return real_ftruncate(fd, to);
    pthread_mutex_lock(&one_at_a_time);
    int failed = real_ftruncate(fd, to);
    if (!failed) record('T', path, to, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return failed;
}

int ftruncate64(int fd, off64_t to) { return ftruncate(fd, to); }

int unlink(const char *path) {
    pthread_mutex_lock(&one_at_a_time);
    int failed = real_unlink(path);
    if (!failed && trace >= 0 && strncmp(path, folder, strlen(folder)) == 0) record('U', path, 0, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return failed;
}
