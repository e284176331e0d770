using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Registry.Messages;

/// <summary>
/// A session of a remote desktop, terminal or database through guacd (Apache Guacamole): for each connection that the peer opens this end dials guacd, does
/// the handshake and carries the Guacamole stream.
/// </summary>
public sealed record GuacdSettings : ConversationSettings
{
    /// <summary>The conversation types, in the words of <c>conversationType</c>; <c>postgres</c> is another for <c>postgresql</c>.</summary>
    public static readonly ImmutableArray<string> Types = ["rdp", "ssh", "vnc", "telnet", "http", "kubernetes", "mysql", "postgresql", "sql-server"];

    /// <summary>The longest id of a guacd connection, in characters.</summary>
    public const int MaxConnectionId = 128;

    /// <summary>Most media types of one kind.</summary>
    public const int MaxMediaTypes = 32;

    private GuacdSettings(string type, GuacdParameters parameters) => (Type, Parameters) = (type, parameters);

    /// <inheritdoc/>
    public override string Type { get; }

    /// <inheritdoc/>
    public override string? Target => Targets is [var first, ..] ? TargetText(first.Host, first.Port) : null;

    /// <summary>What guacd is asked for; as with the original, <c>postgres</c> for <c>postgresql</c>.</summary>
    public string Protocol => Type == "postgresql" ? "postgres" : Type;

    /// <summary>Where guacd listens: host name or IP address; null for the node's own.</summary>
    public string? GuacdHost { get; private init; }

    /// <summary>And its port, 1 to 65535; 0 for the node's own.</summary>
    public int GuacdPort { get; private init; }

    /// <summary>What guacd is told.</summary>
    public GuacdParameters Parameters { get; }

    /// <summary>The connection of guacd that is joined; null for a new one.</summary>
    public string? ConnectionId { get; private init; }

    /// <summary>Whether one that is joined is only watched.</summary>
    public bool IsReadOnly { get; private init; }

    /// <summary>Width of the display in pixels.</summary>
    public int Width { get; private init; }

    /// <summary>Height of the display in pixels.</summary>
    public int Height { get; private init; }

    /// <summary>Pixels per inch.</summary>
    public int Dpi { get; private init; }

    /// <summary>Media types of sound that the peer plays.</summary>
    public ImmutableArray<string> Audio { get; private init; }

    /// <summary>Media types of video that it plays.</summary>
    public ImmutableArray<string> Video { get; private init; }

    /// <summary>Media types of images that it shows.</summary>
    public ImmutableArray<string> Image { get; private init; }

    /// <summary>Where guacd connects to because of the parameters. None when a connection is joined.</summary>
    public ImmutableArray<GuacdTarget> Targets { get; private init; } = [];

    /// <summary>Takes settings that are valid.</summary>
    /// <param name="type">One of <see cref="Types"/>.</param>
    /// <param name="parameters">What guacd is told, by name.</param>
    /// <param name="guacd">Where guacd listens; null for the node's own.</param>
    /// <exception cref="ArgumentException">Something is not valid; the message names it, without its value.</exception>
    public static GuacdSettings Create(string type, IEnumerable<KeyValuePair<string, string>> parameters, DnsEndPoint? guacd = null) =>
        TryCreate(type, parameters, guacd?.Host, guacd?.Port ?? 0, out var settings, out var error) ? settings : throw new ArgumentException($"{error.Key} {error.What}.");

    internal static bool TryCreate(string type, IEnumerable<KeyValuePair<string, string>> given, string? host, int port, [NotNullWhen(true)] out GuacdSettings? settings, [NotNullWhen(false)] out SettingError? error)
    {
        settings = null;
        if (!Types.Contains(type))
            error = new("conversationType", $"must be one of {string.Join(", ", Types)} for guacd");
        else if (host is null ? port != 0 : !TunnelSettings.IsHost(host) || port is < 1 or > IPEndPoint.MaxPort)
            error = new("guacd", "must name a host and a port from 1 to 65535");
        else if (!GuacdParameters.TryCreate(given, out var parameters, out error))
            error = error with { Key = error.Key.Length == 0 ? "guacd_params" : $"guacd_params.{error.Key}" };
        else
        {
            var reader = new GuacdParameterReader(type, parameters);
            settings = Read(new(type, parameters) { GuacdHost = host, GuacdPort = port }, reader);
            error = reader.Error;
        }

        if (error is not null)
            settings = null;
        return settings is not null;
    }

    private static GuacdSettings Read(GuacdSettings settings, GuacdParameterReader reader)
    {
        reader.RefuseUnsupported();
        var connection = reader.ConnectionId();
        return settings with
        {
            ConnectionId = connection,
            IsReadOnly = connection is not null && reader.IsReadOnly(),
            Width = reader.Number("width", 1024),
            Height = reader.Number("height", 768),
            Dpi = reader.Number("dpi", 96),
            Audio = reader.List("audio", []),
            Video = reader.List("video", []),
            Image = reader.List("image", ["image/png", "image/jpeg"]),
            Targets = connection is null ? reader.Targets() : [],
        };
    }

    /// <summary>The type only: secrets are among the parameters.</summary>
    public override string ToString() => $"{nameof(GuacdSettings)} {{ Type = {Type} }}";

    /// <inheritdoc/>
    public bool Equals(GuacdSettings? other) =>
        other is not null && Type == other.Type && GuacdHost == other.GuacdHost && GuacdPort == other.GuacdPort && Parameters.Equals(other.Parameters);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Type, GuacdHost, GuacdPort, Parameters);
}

/// <summary>Somewhere guacd connects to.</summary>
/// <param name="HostParameter">The parameter that says so.</param>
/// <param name="PortParameter">The one that holds the port; null when none does.</param>
/// <param name="Host">Host name or IP address.</param>
/// <param name="Port">TCP port, 1 to 65535.</param>
public sealed record GuacdTarget(string HostParameter, string? PortParameter, string Host, int Port)
{
    /// <summary>Whether the parameter is a URL, which must stay as it is.</summary>
    public bool IsUrl => HostParameter == "url";
}

/// <summary>Reads those parameters that mean something at this end. The first that is wrong is the error.</summary>
internal sealed class GuacdParameterReader(string type, GuacdParameters parameters)
{
    private const int Sftp = 22;
    private const int PulseAudio = 4713;

    private static readonly Dictionary<string, int> Ports = new()
    {
        ["rdp"] = 3389,
        ["ssh"] = 22,
        ["vnc"] = 5900,
        ["telnet"] = 23,
        ["http"] = 80,
        ["kubernetes"] = 8080, // what guacd takes where nothing is said
        ["mysql"] = 3306,
        ["postgresql"] = 5432,
        ["sql-server"] = 1433,
    };

    public SettingError? Error { get; private set; }

    /// <summary>Refuses what would make guacd do more than connect to a target that can be checked.</summary>
    public void RefuseUnsupported()
    {
        if (IsTrue("reverse-connect"))
            Wrong("reverse-connect", "is not supported: guacd would listen for whoever comes");
        if (IsTrue("wol-send-packet"))
            Wrong("wol-send-packet", "is not supported: guacd would broadcast");
        if (IsTrue("use_guacr"))
            Wrong("use_guacr", "is not supported: there are no built-in handlers; leave it out");
        if (parameters["protocol"] is { } protocol && protocol != type)
            Wrong("protocol", "contradicts conversationType; leave it out");
    }

    /// <summary>The connection to join. guacd takes everything that does not begin with <c>$</c> for the name of a protocol.</summary>
    public string? ConnectionId()
    {
        if (parameters["connectionid"] is not { } id)
            return null;
        if (id is not ['$', _, ..] || id.Length > GuacdSettings.MaxConnectionId || !id[1..].All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
            Wrong("connectionid", "must be the id that guacd gave the connection: $ and then A-Z a-z 0-9 -");
        return id;
    }

    public bool IsReadOnly()
    {
        var value = parameters["readonly"];
        if (value is not (null or "" or "true" or "false"))
            Wrong("readonly", "must be true or false");
        return value is "" or "true";
    }

    public int Number(string name, int otherwise)
    {
        if (parameters[name] is not { } text)
            return otherwise;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= ushort.MaxValue)
            return number;
        Wrong(name, "must be a whole number from 1 to 65535");
        return otherwise;
    }

    public ImmutableArray<string> List(string name, ImmutableArray<string> otherwise)
    {
        if (parameters[name] is not { } text)
            return otherwise;
        ImmutableArray<string> list = [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];
        if (list.Length <= GuacdSettings.MaxMediaTypes)
            return list;
        Wrong(name, $"must hold at most {GuacdSettings.MaxMediaTypes} media types");
        return otherwise;
    }

    /// <summary>Everywhere guacd connects to.</summary>
    public ImmutableArray<GuacdTarget> Targets()
    {
        var targets = ImmutableArray.CreateBuilder<GuacdTarget>();
        if (type == "http")
            Add(Url());
        Add(Target("hostname", "port", Ports[type], isNeeded: type != "http"));
        Add(Target("gateway-hostname", "gateway-port", 443));
        Add(Target("sftp-hostname", "sftp-port", Sftp, otherwise: IsTrue("enable-sftp") && type != "ssh" ? parameters["hostname"] : null));
        Add(Target("audio-servername", null, PulseAudio, otherwise: IsTrue("enable-audio") && type == "vnc" ? parameters["hostname"] : null));
        Add(Target("dest-host", "dest-port", Ports["vnc"]));
        return targets.ToImmutable();

        void Add(GuacdTarget? target)
        {
            if (target is not null)
                targets.Add(target);
        }
    }

    private GuacdTarget? Target(string host, string? port, int standard, bool isNeeded = false, string? otherwise = null)
    {
        var name = parameters[host] is { Length: > 0 } given ? given : otherwise;
        if (name is null && !isNeeded)
            return null;
        if (!TunnelSettings.IsHost(name) || name!.StartsWith('['))
        {
            Wrong(host, "must be a host name or an IP address");
            return null;
        }

        return new(host, port, name, port is null || parameters[port] is null or "" ? standard : Number(port, standard));
    }

    private GuacdTarget? Url()
    {
        if (Uri.TryCreate(parameters["url"], UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps) && TunnelSettings.IsHost(url.IdnHost))
            return new("url", null, url.IdnHost, url.Port);
        Wrong("url", "must be an http or https URL");
        return null;
    }

    private bool IsTrue(string name) => parameters[name] == "true";

    private void Wrong(string name, string what) => Error ??= new($"guacd_params.{name}", what);
}
