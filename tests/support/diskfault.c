/* Makes the disk fail under one program: write, sync and truncate calls on chosen files return a chosen errno.

   Preloaded (LD_PRELOAD) into the program, steered through a shared page that tests/support/diskfault.py writes, so that a
   fault begins and ends while the program runs. Which file a descriptor belongs to is looked up only while a fault is on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum operation { WRITING = 1, SYNCING = 2, TRUNCATING = 4 };

struct page {
    atomic_int operations; /* which calls fail; 0: none */
    atomic_int error;
    atomic_int spared; /* so many matching calls succeed first */
    atomic_int hits;
    char part[128];   /* the path contains this */
    char ending[32];  /* and ends with this */
};

static struct page *steering;

__attribute__((constructor)) static void map_the_page(void) {
    const char *path = getenv("DISKFAULT_PAGE");
    if (path == NULL)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        perror("diskfault: DISKFAULT_PAGE");
        _exit(97);
    }
    close(fd);
    steering = page;
}

static int ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* The errno that this call shall fail with, or 0. */
static int fault(int fd, int operation) {
    if (steering == NULL || !(atomic_load(&steering->operations) & operation))
        return 0;
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    if (strstr(path, steering->part) == NULL || !ends_with(path, steering->ending) || ends_with(path, "-shm"))
        return 0;
    if (atomic_fetch_sub(&steering->spared, 1) > 0)
        return 0;
    atomic_fetch_add(&steering->hits, 1);
    return atomic_load(&steering->error);
}

#define PASS_ON(type, name, operation, parameters, ...)                    \
    type name parameters {                                                 \
        static type(*genuine) parameters;                                  \
        if (genuine == NULL)                                               \
            genuine = (type(*) parameters)dlsym(RTLD_NEXT, #name);         \
        int error = fault(fd, operation);                                  \
        if (error != 0) {                                                  \
            errno = error;                                                 \
            return -1;                                                     \
        }                                                                  \
        return genuine(__VA_ARGS__);                                       \
    }

PASS_ON(ssize_t, write, WRITING, (int fd, const void *bytes, size_t count), fd, bytes, count)
PASS_ON(ssize_t, pwrite, WRITING, (int fd, const void *bytes, size_t count, off_t at), fd, bytes, count, at)
PASS_ON(ssize_t, pwrite64, WRITING, (int fd, const void *bytes, size_t count, off64_t at), fd, bytes, count, at)
PASS_ON(int, fsync, SYNCING, (int fd), fd)
PASS_ON(int, fdatasync, SYNCING, (int fd), fd)
PASS_ON(int, ftruncate, TRUNCATING, (int fd, off_t length), fd, length)
PASS_ON(int, ftruncate64, TRUNCATING, (int fd, off64_t length), fd, length)
