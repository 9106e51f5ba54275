/* A server that sends the same response to every request, for measuring clients.
 *
 * Usage: canned FILE. FILE holds the whole response, status line and headers included. It prints
 * its port, serves keep-alive connections on 127.0.0.1, and exits when its standard input closes.
 * A request is taken to end with an empty line: GET only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, SIZE = 1 << 16 };

static char response[SIZE], request[SIZE];

static void watch(int poll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

/* Send the response once for each request received; close the connection at its end. */
static void serve(int fd, size_t length) {
    ssize_t received = read(fd, request, sizeof request);
    if (received <= 0) {
        if (received == 0 || errno != EAGAIN) close(fd);
        return;
    }
    char *end = request;
    while ((end = memmem(end, received - (end - request), "\r\n\r\n", 4)) != NULL) {
        if (write(fd, response, length) != (ssize_t)length) {
            close(fd);
            return;
        }
        end += 4;
    }
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) return 2;
    size_t length = fread(response, 1, sizeof response, file);
    int listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    watch(poll, listener);
    watch(poll, STDIN_FILENO);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) {
                if (read(fd, request, sizeof request) <= 0) return 0;
            } else if (fd == listener) {
                int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (client < 0) continue;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                watch(poll, client);
            } else {
                serve(fd, length);
            }
        }
    }
}
