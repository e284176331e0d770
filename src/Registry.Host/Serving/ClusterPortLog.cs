using System.Security.Authentication;
using DotNetty.Codecs;
using DotNetty.Handlers.Tls;
using Registry.Actors.Cluster.Membership;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Parsing;

namespace Registry.Host.Serving;

/// <summary>Says of a connection that is refused at the cluster's port in one line who, why and what to do: Akka's transport says it in several, with stacks and advice that suits no gateway.</summary>
/// <param name="next">How records are written.</param>
internal sealed class ClusterPortLog(ITextFormatter next) : ITextFormatter
{
    private const string Server = "TcpServerHandler";
    private const string Client = "TcpClientHandler";
    private const string Association = "/akkaProtocol-";
    private const string HandshakeFailed = "TLS handshake failed on channel";
    private const string ShowsNone = "Mutual TLS required but client did not provide a certificate from";
    private const string SaidNothing = "No response from remote for inbound association";
    private const string HeardNothing = "No response from remote for outbound association";

    private static readonly MessageTemplate Refused = new MessageTemplateParser().Parse(RefusedPeer.Template);
    private static readonly MessageTemplate RefusedMore = new MessageTemplateParser().Parse($"{RefusedPeer.Template} (and {{More}} since the last such line)");

    private readonly RefusedPeers told = new();

    /// <summary>Whether another line says it, that of the same refusal or, where this node is refused, the one about its end; or nobody was refused, but hung up.</summary>
    public static bool IsSaidElsewhere(LogEvent record) => LogRecord.Source(record) switch
    {
        Client => Says(record, HandshakeFailed) || record.Exception is NotSslRecordException,
        Server => Says(record, "Rejected incoming connection from")
            || (Says(record, HandshakeFailed) ? IsOfCertificate(record.Exception) || Innermost(record.Exception) is IOException : record.Exception is NotSslRecordException),
        _ => Says(record, HeardNothing),
    };

    public void Format(LogEvent logEvent, TextWriter output)
    {
        if (Refusal(logEvent) is not var (transport, why))
            next.Format(logEvent, output);
        else if (RefusedPeer.NameOf(transport) is var peer && told.TryTell(peer, why, logEvent.Timestamp, out var more))
            next.Format(InWords(logEvent, peer, why, more), output);
    }

    private static (string Peer, string Why)? Refusal(LogEvent record) => LogRecord.Source(record) switch
    {
        _ when record.MessageTemplate.Text == RefusedPeer.Template => (Text(record, "Peer"), Text(record, "Why")),
        "TcpTransport" when Says(record, ShowsNone) => (Text(record, "0"), "it shows no certificate. If it is a node, set registry.cluster.tls there"),
        Server when Says(record, HandshakeFailed) => (Text(record, "1"), record.Exception is NotSslRecordException
            ? "it speaks no TLS. If it is a node, set registry.cluster.tls there"
            : $"no TLS came about: {Innermost(record.Exception)?.Message.TrimEnd('.')}"),
        Server when record.Exception is TooLongFrameException => (Text(record, "1"), "what it sends is no message of a node without TLS. If it is a node, all or none have registry.cluster.tls"),
        var source when Says(record, SaidNothing) && source.IndexOf(Association, StringComparison.Ordinal) is >= 0 and var at =>
            (PeerIn(source[at..]), "it said nothing that a node says. If it is one, all or none have registry.cluster.tls"),
        _ => null,
    };

    private static LogEvent InWords(LogEvent record, string peer, string why, int more)
    {
        LogEventProperty[] properties =
        [
            .. record.Properties.Where(property => !char.IsAsciiDigit(property.Key[0])).Select(property => new LogEventProperty(property.Key, property.Value)),
            // The name of a connection's actor is its address once more.
            new("LogSource", new ScalarValue(LogRecord.Source(record) is var source && source.Contains(Association, StringComparison.Ordinal) ? Server : source)),
            new("Peer", new ScalarValue(peer)),
            new("Why", new ScalarValue(why)),
        ];
        var words = new LogEvent(record.Timestamp, LogEventLevel.Warning, null, more > 0 ? RefusedMore : Refused, properties);
        if (more > 0)
            words.AddOrUpdateProperty(new("More", new ScalarValue(more)));
        return words;
    }

    private static bool Says(LogEvent record, string text) => record.MessageTemplate.Text.StartsWith(text, StringComparison.Ordinal);

    private static string Text(LogEvent record, string property) => (record.Properties.GetValueOrDefault(property) as ScalarValue)?.Value?.ToString() ?? "";

    // The name of the connection's actor, "akkaProtocol-" and "tcp://registry@[::ffff:10.0.0.1]:4711-3" with escapes: its peer, and its number.
    private static string PeerIn(string association) => Uri.UnescapeDataString(association) is var name && name.LastIndexOf('-') is var end && name.LastIndexOf('@') + 1 is var start && start < end ? name[start..end] : name;

    // Whoever looked at it says what was wrong.
    private static bool IsOfCertificate(Exception? exception) =>
        Innermost(exception) is AuthenticationException e && e.Message.Contains("RemoteCertificateValidationCallback", StringComparison.Ordinal);

    private static Exception? Innermost(Exception? exception) => exception?.InnerException is { } inner ? Innermost(inner) : exception;
}
