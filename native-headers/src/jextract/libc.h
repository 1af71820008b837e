/* SPDX-License-Identifier: Apache-2.0 */
/* What jextract reads to generate org.pviommu.natives.libc: the system's headers, nothing of our own. */

/* memfd_create, accept4, struct ucred, the F_SEAL_ and O_PATH constants, and the GNU strerror_r. */
#define _GNU_SOURCE

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * With _GNU_SOURCE and a GNU-like compiler, glibc declares the address argument of bind, connect and accept4 as a
 * transparent union of pointers. A generated descriptor would then take a structure by value where the wrappers pass a
 * pointer. glibc asks for the compiler's version in this one place of sys/socket.h; answering "too old" brings the plain
 * prototypes. All the headers that sys/socket.h uses itself and that ask as well have been read above.
 */
#pragma push_macro("__GNUC_PREREQ")
#undef __GNUC_PREREQ
#define __GNUC_PREREQ(major, minor) 0
#include <sys/socket.h>
#pragma pop_macro("__GNUC_PREREQ")

#include <sys/un.h>
