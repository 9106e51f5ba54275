/* A server that counts and discards what it is sent, and sends as many zeros as asked for.
 *
 * It prints its port, responds to a POST by `{"id":"1"}` and to `GET .../BYTES/download` by so many
 * bytes, one process for each connection, and exits when its standard input closes.
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

static char buffer[SIZE + 1], zeros[SIZE];

static int send_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t sent = write(fd, data, length);
        if (sent <= 0) return 0;
        data += sent;
        length -= sent;
    }
    return 1;
}

/* Return the number of bytes that the last but one segment of the path of a GET asks for. */
static long asked(char *head) {
    char *end = strstr(head, "/download ");
    if (strncmp(head, "GET ", 4) || end == NULL) return -1;
    char *start = end;
    while (start[-1] >= '0' && start[-1] <= '9') start--;
    return atol(start);
}

/* Serve the requests of one connection, one after the other. */
static void serve(int fd) {
    for (;;) {
        ssize_t got = 0, more;
        char *end, head[256];
        while ((end = memmem(buffer, got, "\r\n\r\n", 4)) == NULL) {
            if ((more = read(fd, buffer + got, SIZE - got)) <= 0) return;
            got += more;
        }
        *end = 0;
        char *field = strcasestr(buffer, "\r\nContent-Length:");
        long size = asked(buffer), rest = field ? atol(field + 17) : 0;
        rest -= got - (end + 4 - buffer);
        while (rest > 0) {
            if ((more = read(fd, buffer, SIZE)) <= 0) return;
            rest -= more;
        }
        int count = snprintf(head, sizeof head,
                             "HTTP/1.1 200 OK\r\nContent-Type: application/%s\r\n"
                             "Content-Length: %ld\r\n\r\n%s",
                             size < 0 ? "json" : "gzip", size < 0 ? 10 : size,
                             size < 0 ? "{\"id\":\"1\"}" : "");
        if (!send_all(fd, head, count)) return;
        for (long left = size; left > 0; left -= SIZE)
            if (!send_all(fd, zeros, left < SIZE ? left : SIZE)) return;
    }
}

int main(void) {
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
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}
