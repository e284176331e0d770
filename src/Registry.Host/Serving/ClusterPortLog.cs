using System.Net;
using System.Security.Authentication;
using DotNetty.Codecs;
using DotNetty.Handlers.Tls;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Parsing;

namespace Registry.Host.Serving;

/// <summary>Says of each connection that is refused at the cluster's port in one line who, why and what to do: Akka's transport says it in several, with stacks and advice that suits no gateway.</summary>
/// <param name="next">How records are written.</param>
internal sealed class ClusterPortLog(ITextFormatter next) : ITextFormatter
{
    private const string Server = "TcpServerHandler";
    private const string Client = "TcpClientHandler";
    private const string HandshakeFailed = "TLS handshake failed on channel";
    private const string ShowsNone = "Mutual TLS required but client did not provide a certificate from";

    private static readonly MessageTemplate Refused = new MessageTemplateParser().Parse("Refused {Peer} at the cluster's port: {Why}");

    /// <summary>Whether another line says it, that of the same refusal or, where this node is refused, the one about its end; or nobody was refused, but hung up.</summary>
    public static bool IsSaidElsewhere(LogEvent record) => LogRecord.Source(record) switch
    {
        Client => Says(record, HandshakeFailed) || record.Exception is NotSslRecordException,
        Server => Says(record, "Rejected incoming connection from")
            || (Says(record, HandshakeFailed) ? IsOfCertificate(record.Exception) || Innermost(record.Exception) is IOException : record.Exception is NotSslRecordException),
        _ => false,
    };

    public void Format(LogEvent logEvent, TextWriter output) => next.Format(InWords(logEvent), output);

    private static LogEvent InWords(LogEvent record)
    {
        var (peer, why) = LogRecord.Source(record) switch
        {
            "TcpTransport" when Says(record, ShowsNone) => ("0", "it shows no certificate. If it is a node, set registry.cluster.tls there"),
            Server when Says(record, HandshakeFailed) => ("1", record.Exception is NotSslRecordException
                ? "it speaks no TLS. If it is a node, set registry.cluster.tls there"
                : $"no TLS came about: {Innermost(record.Exception)?.Message.TrimEnd('.')}"),
            Server when record.Exception is TooLongFrameException => ("1", "what it sends is no message of a node without TLS. If it is a node, all or none have registry.cluster.tls"),
            _ => default,
        };
        if (why is null)
            return record;
        LogEventProperty[] properties =
        [
            .. record.Properties.Where(property => !char.IsAsciiDigit(property.Key[0])).Select(property => new LogEventProperty(property.Key, property.Value)),
            new("Peer", new ScalarValue(AddressOf((record.Properties.GetValueOrDefault(peer) as ScalarValue)?.Value))),
            new("Why", new ScalarValue(why)),
        ];
        return new(record.Timestamp, LogEventLevel.Warning, null, Refused, properties);
    }

    private static bool Says(LogEvent record, string text) => record.MessageTemplate.Text.StartsWith(text, StringComparison.Ordinal);

    // Whoever looked at it says what was wrong.
    private static bool IsOfCertificate(Exception? exception) =>
        Innermost(exception) is AuthenticationException e && e.Message.Contains("RemoteCertificateValidationCallback", StringComparison.Ordinal);

    private static Exception? Innermost(Exception? exception) => exception?.InnerException is { } inner ? Innermost(inner) : exception;

    private static string AddressOf(object? peer) => IPEndPoint.TryParse(peer?.ToString() ?? "", out var endPoint) && endPoint.Address.IsIPv4MappedToIPv6
        ? new IPEndPoint(endPoint.Address.MapToIPv4(), endPoint.Port).ToString()
        : peer?.ToString() ?? "";
}
