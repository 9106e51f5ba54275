/* A server that discards what it is sent, and sends zeros to whoever asks for them.
 *
 * Usage: transfer BYTES. It prints its port, responds to a request with a body by `{"id":"1"}` and
 * to any other by so many bytes, and exits when its standard input closes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 1 << 18 };

static char buffer[SIZE], zeros[SIZE];

static int send_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t sent = write(fd, data, length);
        if (sent <= 0) return 0;
        data += sent;
        length -= sent;
    }
    return 1;
}

/* Serve the requests of one connection, one after the other. */
static void serve(int fd, long size) {
    for (;;) {
        ssize_t got = 0, more;
        char *end, head[256];
        while ((end = memmem(buffer, got, "\r\n\r\n", 4)) == NULL) {
            if ((more = read(fd, buffer + got, SIZE - got)) <= 0) return;
            got += more;
        }
        *end = 0;
        char *field = strcasestr(buffer, "\r\nContent-Length:");
        long rest = field ? atol(field + 17) : 0;
        int is_upload = rest > 0;
        rest -= got - (end + 4 - buffer);
        while (rest > 0) {
            if ((more = read(fd, buffer, SIZE)) <= 0) return;
            rest -= more;
        }
        const char *type = is_upload ? "application/json" : "application/gzip";
        long length = is_upload ? 10 : size;
        int count = snprintf(head, sizeof head,
                             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %ld\r\n\r\n%s",
                             type, length, is_upload ? "{\"id\":\"1\"}" : "");
        if (!send_all(fd, head, count)) return;
        for (long left = is_upload ? 0 : size; left > 0; left -= SIZE)
            if (!send_all(fd, zeros, left < SIZE ? left : SIZE)) return;
    }
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    signal(SIGCHLD, SIG_IGN);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 64)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
    while (poll(ready, 2, -1) > 0) {
        if (ready[0].revents) return 0;
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && fork() == 0) {
            serve(fd, atol(argv[1]));
            return 0;
        }
        close(fd);
    }
}
