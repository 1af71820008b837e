/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what the C compiler and the system's headers say about everything that org.pviommu.natives.libc states, one
 * name=value a line:
 *
 *   constant.NAME        a macro or an enumerator
 *   sizeof.TYPE          size of a structure or union           alignof.TYPE       its alignment
 *   offsetof.TYPE.FIELD  where a field begins                   sizeof.TYPE.FIELD  its size
 *   errno.NAME           an error number
 *   unchecked.NAME       these headers are too old to know it
 *
 * All values are signed decimal. BindingsProbeTest compiles, runs and compares.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

#define CONSTANT(name) printf("constant.%s=%lld\n", #name, (long long)(name))
#define ERROR(name) printf("errno.%s=%d\n", #name, name)
#define UNCHECKED(name) printf("unchecked.constant.%s=0\n", #name)
#define TYPE(kind, name)                                            \
    do {                                                            \
        printf("sizeof.%s=%zu\n", #name, sizeof(kind name));        \
        printf("alignof.%s=%zu\n", #name, _Alignof(kind name));     \
    } while (0)
#define OFFSET(kind, name, field) printf("offsetof.%s.%s=%zu\n", #name, #field, offsetof(kind name, field))
#define FIELD(kind, name, field)                                                            \
    do {                                                                                    \
        OFFSET(kind, name, field);                                                          \
        printf("sizeof.%s.%s=%zu\n", #name, #field, sizeof(((kind name *)0)->field));       \
    } while (0)

static void constants(void)
{
    CONSTANT(MFD_CLOEXEC);
    CONSTANT(MFD_ALLOW_SEALING);

    CONSTANT(F_GETFL);
    CONSTANT(F_SETFL);
    CONSTANT(F_DUPFD_CLOEXEC);
    CONSTANT(F_ADD_SEALS);
    CONSTANT(F_GET_SEALS);

    CONSTANT(F_SEAL_SEAL);
    CONSTANT(F_SEAL_SHRINK);
    CONSTANT(F_SEAL_GROW);
    CONSTANT(F_SEAL_WRITE);
#ifdef F_SEAL_FUTURE_WRITE
    CONSTANT(F_SEAL_FUTURE_WRITE);
#else /* before Linux 5.1 */
    UNCHECKED(F_SEAL_FUTURE_WRITE);
#endif

    CONSTANT(O_ACCMODE);
    CONSTANT(O_RDONLY);
    CONSTANT(O_WRONLY);
    CONSTANT(O_RDWR);
    CONSTANT(O_NONBLOCK);
    CONSTANT(O_PATH);
    CONSTANT(O_CLOEXEC);

    CONSTANT(S_IFMT);
    CONSTANT(S_IFIFO);
    CONSTANT(S_IFCHR);
    CONSTANT(S_IFDIR);
    CONSTANT(S_IFREG);
    CONSTANT(S_IFSOCK);

    CONSTANT(PROT_READ);
    CONSTANT(PROT_WRITE);
    CONSTANT(MAP_SHARED);
    CONSTANT(MAP_PRIVATE);
    CONSTANT(MAP_ANONYMOUS);
    CONSTANT(MAP_NORESERVE);
    CONSTANT(MADV_DONTNEED);
    CONSTANT(MADV_HUGEPAGE);
    CONSTANT(MAP_FAILED);

    CONSTANT(EFD_NONBLOCK);
    CONSTANT(EFD_CLOEXEC);
    CONSTANT(RWF_NOWAIT);

    CONSTANT(AF_UNIX);
    CONSTANT(SOCK_SEQPACKET);
    CONSTANT(SOCK_NONBLOCK);
    CONSTANT(SOCK_CLOEXEC);
    CONSTANT(SOL_SOCKET);
    CONSTANT(SO_PEERCRED);
    CONSTANT(SCM_RIGHTS);
    CONSTANT(SHUT_RDWR);

    CONSTANT(MSG_CTRUNC);
    CONSTANT(MSG_TRUNC);
    CONSTANT(MSG_DONTWAIT);
    CONSTANT(MSG_NOSIGNAL);
    CONSTANT(MSG_CMSG_CLOEXEC);

    CONSTANT(POLLIN);
    CONSTANT(POLLOUT);
    CONSTANT(POLLERR);
    CONSTANT(POLLHUP);
    CONSTANT(POLLNVAL);

    CONSTANT(EPOLL_CLOEXEC);
    CONSTANT(EPOLL_CTL_ADD);
    CONSTANT(EPOLL_CTL_DEL);
    CONSTANT(EPOLLIN);
    CONSTANT(EPOLLERR);
    CONSTANT(EPOLLHUP);
    CONSTANT(EPOLLRDHUP);
}

static void structures(void)
{
    TYPE(struct, iovec);
    FIELD(struct, iovec, iov_base);
    FIELD(struct, iovec, iov_len);

    TYPE(struct, msghdr);
    FIELD(struct, msghdr, msg_name);
    FIELD(struct, msghdr, msg_namelen);
    FIELD(struct, msghdr, msg_iov);
    FIELD(struct, msghdr, msg_iovlen);
    FIELD(struct, msghdr, msg_control);
    FIELD(struct, msghdr, msg_controllen);
    FIELD(struct, msghdr, msg_flags);

    TYPE(struct, cmsghdr);
    FIELD(struct, cmsghdr, cmsg_len);
    FIELD(struct, cmsghdr, cmsg_level);
    FIELD(struct, cmsghdr, cmsg_type);
    OFFSET(struct, cmsghdr, __cmsg_data);
    printf("sizeof.cmsghdr.__cmsg_data=0\n"); /* a flexible array has no size to ask for */

    TYPE(struct, sockaddr_un);
    FIELD(struct, sockaddr_un, sun_family);
    FIELD(struct, sockaddr_un, sun_path);

    TYPE(struct, ucred);
    FIELD(struct, ucred, pid);
    FIELD(struct, ucred, uid);
    FIELD(struct, ucred, gid);

    TYPE(struct, pollfd);
    FIELD(struct, pollfd, fd);
    FIELD(struct, pollfd, events);
    FIELD(struct, pollfd, revents);

    TYPE(union, epoll_data);
    FIELD(union, epoll_data, ptr);
    FIELD(union, epoll_data, fd);
    FIELD(union, epoll_data, u32);
    FIELD(union, epoll_data, u64);

    TYPE(struct, epoll_event);
    FIELD(struct, epoll_event, events);
    FIELD(struct, epoll_event, data);

    TYPE(struct, timespec);
    FIELD(struct, timespec, tv_sec);
    FIELD(struct, timespec, tv_nsec);

    TYPE(struct, stat);
    FIELD(struct, stat, st_dev);
    FIELD(struct, stat, st_ino);
    FIELD(struct, stat, st_nlink);
    FIELD(struct, stat, st_mode);
    FIELD(struct, stat, st_uid);
    FIELD(struct, stat, st_gid);
    FIELD(struct, stat, __pad0);
    FIELD(struct, stat, st_rdev);
    FIELD(struct, stat, st_size);
    FIELD(struct, stat, st_blksize);
    FIELD(struct, stat, st_blocks);
    FIELD(struct, stat, st_atim);
    FIELD(struct, stat, st_mtim);
    FIELD(struct, stat, st_ctim);
    FIELD(struct, stat, __glibc_reserved);
}

static void errors(void)
{
    ERROR(EPERM);
    ERROR(ENOENT);
    ERROR(ESRCH);
    ERROR(EINTR);
    ERROR(EIO);
    ERROR(ENXIO);
    ERROR(E2BIG);
    ERROR(ENOEXEC);
    ERROR(EBADF);
    ERROR(ECHILD);
    ERROR(EAGAIN);
    ERROR(ENOMEM);
    ERROR(EACCES);
    ERROR(EFAULT);
    ERROR(ENOTBLK);
    ERROR(EBUSY);
    ERROR(EEXIST);
    ERROR(EXDEV);
    ERROR(ENODEV);
    ERROR(ENOTDIR);
    ERROR(EISDIR);
    ERROR(EINVAL);
    ERROR(ENFILE);
    ERROR(EMFILE);
    ERROR(ENOTTY);
    ERROR(ETXTBSY);
    ERROR(EFBIG);
    ERROR(ENOSPC);
    ERROR(ESPIPE);
    ERROR(EROFS);
    ERROR(EMLINK);
    ERROR(EPIPE);
    ERROR(EDOM);
    ERROR(ERANGE);
    ERROR(EDEADLK);
    ERROR(ENAMETOOLONG);
    ERROR(ENOLCK);
    ERROR(ENOSYS);
    ERROR(ENOTEMPTY);
    ERROR(ELOOP);
    ERROR(ENOMSG);
    ERROR(EIDRM);
    ERROR(ECHRNG);
    ERROR(EL2NSYNC);
    ERROR(EL3HLT);
    ERROR(EL3RST);
    ERROR(ELNRNG);
    ERROR(EUNATCH);
    ERROR(ENOCSI);
    ERROR(EL2HLT);
    ERROR(EBADE);
    ERROR(EBADR);
    ERROR(EXFULL);
    ERROR(ENOANO);
    ERROR(EBADRQC);
    ERROR(EBADSLT);
    ERROR(EBFONT);
    ERROR(ENOSTR);
    ERROR(ENODATA);
    ERROR(ETIME);
    ERROR(ENOSR);
    ERROR(ENONET);
    ERROR(ENOPKG);
    ERROR(EREMOTE);
    ERROR(ENOLINK);
    ERROR(EADV);
    ERROR(ESRMNT);
    ERROR(ECOMM);
    ERROR(EPROTO);
    ERROR(EMULTIHOP);
    ERROR(EDOTDOT);
    ERROR(EBADMSG);
    ERROR(EOVERFLOW);
    ERROR(ENOTUNIQ);
    ERROR(EBADFD);
    ERROR(EREMCHG);
    ERROR(ELIBACC);
    ERROR(ELIBBAD);
    ERROR(ELIBSCN);
    ERROR(ELIBMAX);
    ERROR(ELIBEXEC);
    ERROR(EILSEQ);
    ERROR(ERESTART);
    ERROR(ESTRPIPE);
    ERROR(EUSERS);
    ERROR(ENOTSOCK);
    ERROR(EDESTADDRREQ);
    ERROR(EMSGSIZE);
    ERROR(EPROTOTYPE);
    ERROR(ENOPROTOOPT);
    ERROR(EPROTONOSUPPORT);
    ERROR(ESOCKTNOSUPPORT);
    ERROR(EOPNOTSUPP);
    ERROR(EPFNOSUPPORT);
    ERROR(EAFNOSUPPORT);
    ERROR(EADDRINUSE);
    ERROR(EADDRNOTAVAIL);
    ERROR(ENETDOWN);
    ERROR(ENETUNREACH);
    ERROR(ENETRESET);
    ERROR(ECONNABORTED);
    ERROR(ECONNRESET);
    ERROR(ENOBUFS);
    ERROR(EISCONN);
    ERROR(ENOTCONN);
    ERROR(ESHUTDOWN);
    ERROR(ETOOMANYREFS);
    ERROR(ETIMEDOUT);
    ERROR(ECONNREFUSED);
    ERROR(EHOSTDOWN);
    ERROR(EHOSTUNREACH);
    ERROR(EALREADY);
    ERROR(EINPROGRESS);
    ERROR(ESTALE);
    ERROR(EUCLEAN);
    ERROR(ENOTNAM);
    ERROR(ENAVAIL);
    ERROR(EISNAM);
    ERROR(EREMOTEIO);
    ERROR(EDQUOT);
    ERROR(ENOMEDIUM);
    ERROR(EMEDIUMTYPE);
    ERROR(ECANCELED);
    ERROR(ENOKEY);
    ERROR(EKEYEXPIRED);
    ERROR(EKEYREVOKED);
    ERROR(EKEYREJECTED);
    ERROR(EOWNERDEAD);
    ERROR(ENOTRECOVERABLE);
    ERROR(ERFKILL);
    ERROR(EHWPOISON);
}

int main(void)
{
    constants();
    structures();
    errors();
    return 0;
}
