using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Akka.Configuration;
using Registry.Actors.Channels;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors;

/// <summary>The settings of <c>registry.conf</c>, checked.</summary>
public sealed record RegistrySettings
{
    internal const string MaxConcurrentCreatesVariable = "WEBRTC_MAX_CONCURRENT_CREATES";

    private RegistrySettings() { }

    /// <summary>Limit on creates in flight.</summary>
    public int MaxConcurrentCreates { get; internal init; }
    /// <summary>Limit on tubes.</summary>
    public int MaxTubes { get; internal init; }
    /// <summary>Limit on tubes of one owner; 0 for none.</summary>
    public int MaxTubesPerOwner { get; internal init; }
    /// <summary>Creates that may wait for admission.</summary>
    public int MaxWaiting { get; internal init; }
    /// <summary>How long tubes may go on when the node is drained.</summary>
    public TimeSpan DrainDeadline { get; private init; }
    /// <summary>How long tubes may go on when the node stops; null for not at all.</summary>
    public TimeSpan? StopDeadline { get; internal init; }
    /// <summary>Deadline of <c>initializing</c>.</summary>
    public TimeSpan InitializingTimeout { get; private init; }
    /// <summary>Deadline of <c>connecting</c>.</summary>
    public TimeSpan ConnectingTimeout { get; private init; }
    /// <summary>Deadline of <c>active</c>.</summary>
    public TimeSpan ActiveTimeout { get; private init; }
    /// <summary>Deadline of <c>disconnected</c>.</summary>
    public TimeSpan DisconnectedTimeout { get; private init; }
    /// <summary>ICE restarts that may follow each other without the path being whole for <see cref="IceRestartMaxBackoff"/> between them.</summary>
    public int IceRestartAttempts { get; private init; }
    /// <summary>Time from one restart to the next; doubles with each.</summary>
    public TimeSpan IceRestartBackoff { get; private init; }
    /// <summary>Longest time between restarts.</summary>
    public TimeSpan IceRestartMaxBackoff { get; private init; }
    /// <summary>How long a restart waits for the peer's answer before another may be made.</summary>
    public TimeSpan IceRestartAnswerTimeout { get; private init; }
    /// <summary>Deadline of <c>closing</c>.</summary>
    public TimeSpan ClosingTimeout { get; private init; }
    /// <summary>Time without user bytes after which a tube ends; null for none.</summary>
    public TimeSpan? IdleTimeout { get; internal init; }
    /// <summary>Age at which a tube ends; null for none.</summary>
    public TimeSpan? MaxAge { get; internal init; }
    /// <summary>Limit on the bytes per second of a tube's connections, each way; null for none.</summary>
    public int? MaxBytesPerSecond { get; internal init; }
    /// <summary>The same for all tubes of one owner together.</summary>
    public int? MaxOwnerBytesPerSecond { get; internal init; }
    /// <summary>Channels of one tube.</summary>
    public int MaxChannels { get; private init; }
    /// <summary>Signals kept per tube.</summary>
    public int SignalBuffer { get; private init; }
    /// <summary>Ended tubes that stay readable.</summary>
    public int ClosedKept { get; private init; }
    /// <summary>How long an ended tube stays readable.</summary>
    public TimeSpan ClosedKeptFor { get; private init; }
    /// <summary>Changes kept for those that watch all tubes.</summary>
    public int EventBuffer { get; private init; }
    /// <summary>Time between the reconciler's rounds.</summary>
    public TimeSpan ReconcilerInterval { get; private init; }
    /// <summary>How SCTP associations decide how much they send.</summary>
    public CongestionControl CongestionControl { get; private init; }
    /// <summary>Where credentials for the relay are fetched; null for nowhere.</summary>
    public Uri? IceCredentialsUrl { get; internal init; }
    /// <summary>Limit on the endpoint's answer.</summary>
    public TimeSpan IceCredentialsTimeout { get; private init; }
    /// <summary>STUN and TURN servers.</summary>
    public IReadOnlyList<string> IceServerUrls { get; private init; } = [];
    /// <summary>User name for the TURN servers; null for none.</summary>
    public string? IceUsername { get; private init; }
    /// <summary>Password for the TURN servers; null for none.</summary>
    public string? IceCredential { get; private init; }
    /// <summary>Secret that the TURN servers share with this node; null for none.</summary>
    public string? IceSharedSecret { get; private init; }
    /// <summary>How long credentials made from the secret hold.</summary>
    public TimeSpan IceSharedSecretLifetime { get; private init; }
    /// <summary>Which candidates tubes use.</summary>
    public IceTransportPolicy IceTransportPolicy { get; private init; }
    /// <summary>Time that servers have to give candidates.</summary>
    public TimeSpan IceGatheringTimeout { get; private init; }
    /// <summary>Authorities that may sign the certificates of <c>turns:</c> servers; null for the machine's.</summary>
    public string? IceRelayCaFile { get; private init; }
    /// <summary>Which of the machine's addresses tubes offer.</summary>
    public NetworkFilter IceNetworks { get; private init; } = NetworkFilter.None;
    /// <summary>Whether names of <c>.local</c> in place of a peer's addresses are resolved.</summary>
    public bool IceResolveLocalNames { get; private init; }
    /// <summary>Failures in a row after which the endpoint is left alone.</summary>
    public int IceBreakerFailures { get; private init; }
    /// <summary>How long it is left alone.</summary>
    public TimeSpan IceBreakerReset { get; private init; }
    /// <summary>How long new tubes are given one certificate.</summary>
    public TimeSpan CertificateLifetime { get; private init; }
    /// <summary>Which WebRTC stack the gateway program runs on.</summary>
    public WebRtcStackKind WebRtcStack { get; private init; }
    /// <summary>TCP port at which peers may connect; null for none.</summary>
    public int? TcpPort { get; private init; }
    /// <summary>TCP connections of one channel.</summary>
    public int MaxConnections { get; private init; }
    /// <summary>Limit on connecting to a target.</summary>
    public TimeSpan DialTimeout { get; private init; }
    /// <summary>Limit on the other end's answer to an open.</summary>
    public TimeSpan OpenTimeout { get; private init; }
    /// <summary>Limit on draining after the peer closed a connection.</summary>
    public TimeSpan DrainTimeout { get; private init; }
    /// <summary>How long a UDP association may carry nothing.</summary>
    public TimeSpan UdpIdleTimeout { get; private init; }
    /// <summary>Bytes queued for one local socket.</summary>
    public int ReceiveLimit { get; private init; }
    /// <summary>Bytes that wait in one direction of a tube.</summary>
    public int TubeLimit { get; private init; }
    /// <summary>Bytes of a tube that wait to be sent.</summary>
    public int SendBuffer { get; private init; }
    /// <summary>Time between pings of a channel.</summary>
    public TimeSpan PingInterval { get; private init; }
    /// <summary>How long a peer may be silent after a ping.</summary>
    public TimeSpan PingTimeout { get; private init; }
    /// <summary>Largest payload of a received frame, in bytes.</summary>
    public int MaxFramePayload { get; private init; }
    /// <summary>Whether payloads that the original split are put together.</summary>
    public bool AcceptFragments { get; private init; }
    /// <summary>Where conversations may listen.</summary>
    public ListenScope Listen { get; internal init; }
    /// <summary>Where this node's guacd listens; null when it has none.</summary>
    public DnsEndPoint? GuacdAddress { get; private init; }
    /// <summary>Limit on guacd's part of the handshake.</summary>
    public TimeSpan GuacdHandshakeTimeout { get; private init; }
    /// <summary>Whether guacd is given names of targets rather than the addresses that were checked.</summary>
    public bool GuacdPassNames { get; private init; }
    /// <summary>Target rules as text.</summary>
    public IReadOnlyList<string> AllowTargets { get; internal init; } = [];

    /// <summary>The defaults, as the file that comes with this assembly says them.</summary>
    public static Config Default { get; } = SettingReader.ReadDefault("registry.conf");

    /// <summary>Reads the section <c>registry</c>, with the defaults behind it.</summary>
    /// <param name="config">An actor system's configuration.</param>
    /// <exception cref="ConfigurationException">A value has the wrong type or is out of range; the message names its key.</exception>
    public static RegistrySettings From(Config config) => From(config, Environment.GetEnvironmentVariable(MaxConcurrentCreatesVariable));

    /// <summary>The same with a value of the environment variable.</summary>
    internal static RegistrySettings From(Config config, string? maxConcurrentCreates)
    {
        var reader = new SettingReader(config.WithFallback(Default));
        var settings = new RegistrySettings
        {
            MaxConcurrentCreates = maxConcurrentCreates is { Length: > 0 } text
                ? SettingReader.ParseInteger(text, 1, int.MaxValue) ?? throw SettingReader.Wrong(MaxConcurrentCreatesVariable, $"a whole number from 1, which {SettingReader.Quoted(text)} is not", null)
                : reader.Integer("admission.max-concurrent-creates", 1),
            MaxTubes = reader.Integer("admission.max-tubes", 1),
            MaxTubesPerOwner = reader.Integer("admission.max-tubes-per-owner", 0),
            MaxWaiting = reader.Integer("admission.max-waiting", 0),
            DrainDeadline = reader.Duration("drain.deadline"),
            StopDeadline = reader.DurationOrOff("drain.stop-deadline"),
            InitializingTimeout = reader.Duration("tube.initializing-timeout"),
            ConnectingTimeout = reader.Duration("tube.connecting-timeout"),
            ActiveTimeout = reader.Duration("tube.active-timeout"),
            DisconnectedTimeout = reader.Duration("tube.disconnected-timeout"),
            ClosingTimeout = reader.Duration("tube.closing-timeout"),
            IceRestartAttempts = reader.Integer("tube.ice-restart.attempts", 0),
            IceRestartBackoff = reader.Duration("tube.ice-restart.backoff"),
            IceRestartMaxBackoff = reader.Duration("tube.ice-restart.max-backoff"),
            IceRestartAnswerTimeout = reader.Duration("tube.ice-restart.answer-timeout"),
            IdleTimeout = reader.DurationOrOff("tube.idle-timeout"),
            MaxAge = reader.DurationOrOff("tube.max-age"),
            MaxBytesPerSecond = reader.BytesOrOff("tube.max-bytes-per-second", CreateTube.LeastBytesPerSecond),
            MaxOwnerBytesPerSecond = reader.BytesOrOff("tube.max-owner-bytes-per-second", CreateTube.LeastBytesPerSecond),
            MaxChannels = reader.Integer("tube.max-channels", 1, ushort.MaxValue),
            SignalBuffer = reader.Integer("tube.signal-buffer", 16),
            ClosedKept = reader.Integer("tube.closed-kept", 0),
            ClosedKeptFor = reader.Duration("tube.closed-kept-for"),
            EventBuffer = reader.Integer("events.buffer", 16),
            ReconcilerInterval = reader.Duration("reconciler.interval"),
            CongestionControl = reader.Choice("webrtc.congestion-control", ("bbr", CongestionControl.Bbr), ("cubic", CongestionControl.Cubic)),
            IceCredentialsUrl = reader.Url("ice.credentials-url"),
            IceCredentialsTimeout = reader.Duration("ice.credentials-timeout"),
            IceServerUrls = reader.Texts("ice.servers"),
            IceUsername = reader.TextOrOff("ice.username"),
            IceCredential = reader.TextOrOff("ice.credential"),
            IceSharedSecret = reader.TextOrOff("ice.shared-secret"),
            IceSharedSecretLifetime = reader.Duration("ice.shared-secret-lifetime"),
            IceTransportPolicy = reader.Choice("ice.transport-policy", ("all", IceTransportPolicy.All), ("relay", IceTransportPolicy.Relay)),
            IceGatheringTimeout = reader.Duration("ice.gathering-timeout"),
            IceRelayCaFile = reader.TextOrOff("ice.relay-ca-file"),
            IceNetworks = ReadNetworks(reader),
            IceResolveLocalNames = reader.Boolean("ice.resolve-local-names"),
            IceBreakerFailures = reader.Integer("ice.breaker-failures", 1),
            IceBreakerReset = reader.Duration("ice.breaker-reset"),
            CertificateLifetime = reader.Duration("webrtc.certificate-lifetime"),
            WebRtcStack = reader.Choice("webrtc.stack", ("managed", WebRtcStackKind.Managed), ("sipsorcery", WebRtcStackKind.SipSorcery)),
            TcpPort = reader.IntegerOrOff("webrtc.tcp-port", 0, ushort.MaxValue),
            MaxConnections = reader.Integer("channels.max-connections", 1),
            DialTimeout = reader.Duration("channels.dial-timeout"),
            OpenTimeout = reader.Duration("channels.open-timeout"),
            DrainTimeout = reader.Duration("channels.drain-timeout"),
            UdpIdleTimeout = reader.Duration("channels.udp-idle-timeout"),
            ReceiveLimit = reader.Bytes("channels.receive-limit", 64 * 1024),
            TubeLimit = reader.Bytes("channels.tube-limit", 1024 * 1024),
            SendBuffer = reader.Bytes("channels.send-buffer", 64 * 1024),
            PingInterval = reader.Duration("channels.ping-interval"),
            PingTimeout = reader.Duration("channels.ping-timeout"),
            MaxFramePayload = reader.Bytes("channels.max-frame-payload", 16 * 1024),
            AcceptFragments = reader.Boolean("channels.accept-fragments"),
            Listen = reader.Choice("channels.listen", ("off", ListenScope.Off), ("loopback", ListenScope.Loopback), ("any", ListenScope.Any)),
            GuacdAddress = reader.AddressOrOff("guacd.address"),
            GuacdHandshakeTimeout = reader.Duration("guacd.handshake-timeout"),
            GuacdPassNames = reader.Boolean("guacd.pass-names"),
            AllowTargets = reader.Texts("targets.allow"),
        };
        settings.CheckIceServers();
        settings.CheckTargets();
        return settings;
    }

    /// <summary>The type's name only: secrets are among the settings.</summary>
    public override string ToString() => nameof(RegistrySettings);

    /// <summary>The options of a peer connection factory with what these settings say about networks, the TCP port, certificates and the peer's names.</summary>
    /// <param name="options">The other options.</param>
    /// <exception cref="ConfigurationException">The file of authorities cannot be read.</exception>
    public PeerConnectionFactoryOptions ApplyTo(PeerConnectionFactoryOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options = options with
        {
            NetworkFilter = IceNetworks,
            CertificateLifetime = CertificateLifetime,
            ResolveLocalNames = IceResolveLocalNames,
            TcpPort = TcpPort,
        };
        if (IceRelayCaFile is null)
            return options;
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(IceRelayCaFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw SettingReader.Wrong("registry.ice.relay-ca-file", $"off, or a readable file of PEM certificates: {e.Message.TrimEnd('.')}", e);
        }
        return authorities.Count > 0
            ? options with { RelayAuthorities = authorities }
            : throw SettingReader.Wrong("registry.ice.relay-ca-file", "off, or a readable file of PEM certificates", null);
    }

    private static NetworkFilter ReadNetworks(SettingReader reader) =>
        new(ReadNetworks(reader, "ice.include-networks"), ReadNetworks(reader, "ice.exclude-networks"));

    private static IReadOnlyList<string> ReadNetworks(SettingReader reader, string key)
    {
        var texts = reader.Texts(key);
        try
        {
            _ = new NetworkFilter(texts, []);
            return texts;
        }
        catch (FormatException e)
        {
            throw SettingReader.Wrong($"registry.{key}", $"a list of interface names and networks: {e.Message.TrimEnd('.')}", e);
        }
    }

    private void CheckTargets()
    {
        try
        {
            _ = TargetPolicy.Parse(AllowTargets);
        }
        catch (FormatException e)
        {
            throw SettingReader.Wrong("registry.targets.allow", $"a list of rules: {e.Message.TrimEnd('.')}", e);
        }
    }

    private void CheckIceServers()
    {
        var hasRelay = IceCredentialsUrl is not null;
        foreach (var text in IceServerUrls)
        {
            if (!IceServerUrl.TryParse(text, out var url, out var error))
                throw SettingReader.Wrong("registry.ice.servers", $"a list of stun:, turn: and turns: URLs: {error.Replace($"'{text}'", SettingReader.Quoted(text), StringComparison.Ordinal)}", null);
            hasRelay |= url.IsTurn;
            if (url.IsTurn && IceSharedSecret is null && IceCredentialsUrl is null && (IceUsername is null || IceCredential is null))
                throw SettingReader.Wrong("registry.ice.servers", $"given with username and credential, with shared-secret, or with credentials-url, because {SettingReader.Quoted(text)} needs credentials", null);
        }
        if (IceUsername is not null && IceSharedSecret is not null)
            throw SettingReader.Wrong("registry.ice.username", "off where shared-secret is set: it makes the user names", null);
        if (IceSharedSecretLifetime < TimeSpan.FromMinutes(1))
            throw SettingReader.Wrong("registry.ice.shared-secret-lifetime", "at least 1m", null);
        if (IceTransportPolicy == IceTransportPolicy.Relay && !hasRelay)
            throw SettingReader.Wrong("registry.ice.transport-policy", "all where neither servers names a TURN server nor credentials-url gives one", null);
    }
}
