# Stands in for nginx:alpine where no registry answers.
ARG BASE=previewd/base:trixie
FROM ${BASE}
# nginx opens its compiled-in error log before it reads a configuration, and its
# folders for request bodies when it has none: both must work for any user.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install -y nginx-light \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
 && ln -sf /dev/stdout /var/log/nginx/access.log \
 && ln -sf /dev/stderr /var/log/nginx/error.log \
 && mkdir -p /var/cache/nginx \
 && chmod 1777 /var/lib/nginx /var/cache/nginx
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
