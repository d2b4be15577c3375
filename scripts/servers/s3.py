"""A storage that speaks S3 on loopback: moto keeps the objects, botocore, the signer of AWS's own tools, judges every signature.

moto itself looks at no signature in a query. Usage: s3.py PORT ACCESS_KEY SECRET_KEY; makes the buckets `private` and `public`.
"""
import datetime
import sys
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlencode

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

PORT, ACCESS_KEY, SECRET_KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]
REGION = "eu-central-1"
moto = DomainDispatcherApplication(create_backend_app)


def refused(request):
    """Code and message, or None if the signature is good."""
    said = dict(parse_qsl(request.query_string.decode()))
    if "X-Amz-Signature" not in said:
        return "AccessDenied", "Access Denied"
    if said["X-Amz-Credential"].split("/")[0] != ACCESS_KEY:
        return "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
    at = datetime.datetime.strptime(said["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    now = datetime.datetime.now(datetime.timezone.utc)
    if at > now + datetime.timedelta(minutes=15):
        return "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
    if now > at + datetime.timedelta(seconds=int(said["X-Amz-Expires"])):
        return "AccessDenied", "Request has expired"
    auth = S3SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION, expires=int(said["X-Amz-Expires"]))
    names = said["X-Amz-SignedHeaders"].split(";")
    rest = [(name, value) for name, value in parse_qsl(request.query_string.decode(), keep_blank_values=True)
            if name != "X-Amz-Signature"]
    again = AWSRequest(request.method, request.base_url + "?" + urlencode(rest),
                       headers={name: request.headers[name] for name in names if name != "host"})
    again.context["timestamp"] = said["X-Amz-Date"]
    string = auth.string_to_sign(again, auth.canonical_request(again))
    if auth.signature(string, again) != said["X-Amz-Signature"]:
        return "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
    return None


def app(environ, start):
    request = Request(environ)
    public = request.method in ("GET", "HEAD") and request.path.startswith("/public/")
    no = None if public else refused(request)
    if no:
        body = "<?xml version='1.0'?><Error><Code>%s</Code><Message>%s</Message></Error>" % no
        date = format_datetime(datetime.datetime.now(datetime.timezone.utc), usegmt=True)
        return Response(body, 403, {"content-type": "application/xml", "date": date})(environ, start)
    # moto has its own mind about what a signature in a query means
    environ["QUERY_STRING"] = ""
    return moto(environ, start)


owner = {"Authorization": "AWS4-HMAC-SHA256 Credential=%s/20260101/%s/s3/aws4_request" % (ACCESS_KEY, REGION)}
for bucket in ("private", "public"):
    place = b"<CreateBucketConfiguration><LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>" % REGION.encode()
    made = Client(moto).put("/" + bucket, headers={"Host": "127.0.0.1", **owner, "x-amz-acl": "public-read-write"}, data=place)
    if made.status_code != 200:
        sys.exit("the bucket %s was not made: %s" % (bucket, made.data))
run_simple("127.0.0.1", PORT, app, threaded=True)
