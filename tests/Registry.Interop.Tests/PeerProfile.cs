using System.Reflection;
using Registry.WebRtc;

namespace Registry.Interop.Tests;

/// <summary>A foreign stack: how it is started, what it needs, and where it differs from the others.</summary>
/// <param name="Name">Name of its program in <c>peers/</c>, without extension.</param>
/// <param name="Package">npm package that holds the stack or drives it.</param>
/// <param name="MaxMessageSize">Bytes of the largest message it accepts; it advertises this as <c>a=max-message-size</c>.</param>
public sealed record PeerProfile(string Name, string Package, int MaxMessageSize)
{
    public static readonly PeerProfile Chromium = new("chromium", "playwright-core", 256 * 1024) { NeedsChromium = true };

    // The binding does not tell the order and reliability of a channel that was opened to it. When the channel is closed at once,
    // 1 run of 15 under load hands fewer messages to JavaScript than the library's own count of received bytes says; whether the
    // library or the binding drops them was not looked into.
    public static readonly PeerProfile Libdatachannel = new("libdatachannel", "node-datachannel", 256 * 1024)
    {
        RestartsIce = false, // its libjuice has no restart
        TellsChannelOptions = false,
        KeepsMessagesOfClosedChannel = false,
        KeepsToRelays = false,
        NoRelayOver = new Dictionary<IceServerKind, string>
        {
            [IceServerKind.TurnTcp] = "libjuice, its ICE library, reaches relays over UDP only.",
            [IceServerKind.TurnTls] = "libjuice, its ICE library, reaches relays over UDP only.",
        },
    };

    // The version of libwebrtc inside throws away what is still queued when a channel is closed.
    public static readonly PeerProfile Libwebrtc = new("libwebrtc", "@roamhq/wrtc", 256 * 1024)
    {
        HasReflexiveAddress = false, // its sockets are bound to the interface's address, and that is what a server on loopback sees
        DeliversBeforeClosing = false,
        NoRelayOver = new Dictionary<IceServerKind, string>
        {
            [IceServerKind.TurnTls] = "The binding has no way to trust the test's own authority; libwebrtc checks certificates against a built-in list.",
        },
    };

    // werift cuts an empty message into no chunks at all and still counts it, so nothing after it would be delivered.
    // It resets a stream without waiting for what is queued, and closes DTLS before it could say that it closes SCTP.
    // After a loss it hands on a stream's messages only as far as their TSNs have no gap, which other streams' messages make.
    // Where it is slow and our DTLS flight is repeated before it answers, it answers both copies and then cannot decrypt what comes: on a busy machine 1 to 2 of 100
    // handshakes over a relay that is reached by TCP end so, trickling or not.
    public static readonly PeerProfile Werift = new("werift", "werift", 64 * 1024)
    {
        SendsEmptyMessages = false,
        DeliversBeforeClosing = false,
        TellsThatItCloses = false,
        TakesInterleavedChannels = false,
        TakesWholeDescriptionsOverStreams = false,
    };

    /// <summary>Every stack.</summary>
    public static IReadOnlyList<PeerProfile> All { get; } = [Chromium, Libdatachannel, Libwebrtc, Werift];

    /// <summary>Whether the peer can restart ICE.</summary>
    public bool RestartsIce { get; private init; } = true;

    /// <summary>Ways to a relay that the peer cannot take, and why.</summary>
    public IReadOnlyDictionary<IceServerKind, string> NoRelayOver { get; private init; } = new Dictionary<IceServerKind, string>();

    /// <summary>Whether the peer can send a message of 0 bytes.</summary>
    public bool SendsEmptyMessages { get; private init; } = true;

    /// <summary>Whether a channel that the peer closes first delivers everything the peer sent on it.</summary>
    public bool DeliversBeforeClosing { get; private init; } = true;

    /// <summary>Whether messages that arrived before the channel was closed reach the peer's application.</summary>
    public bool KeepsMessagesOfClosedChannel { get; private init; } = true;

    /// <summary>Whether the peer says good-bye when it closes a connection; otherwise only missing answers tell.</summary>
    public bool TellsThatItCloses { get; private init; } = true;

    /// <summary>Whether the peer survives a lost packet while several channels carry messages at once.</summary>
    public bool TakesInterleavedChannels { get; private init; } = true;

    /// <summary>Whether the peer tells the order and reliability of channels that were opened to it.</summary>
    public bool TellsChannelOptions { get; private init; } = true;

    /// <summary>Whether the peer, told to use relays only, sends no check from its own addresses.</summary>
    public bool KeepsToRelays { get; private init; } = true;

    /// <summary>Whether a STUN server on loopback sees the peer at another address than those it has.</summary>
    public bool HasReflexiveAddress { get; private init; } = true;

    /// <summary>Whether the peer is tried without trickling over relays that are reached by TCP or TLS, too.</summary>
    public bool TakesWholeDescriptionsOverStreams { get; private init; } = true;

    /// <summary>Whether the peer runs in a browser.</summary>
    public bool NeedsChromium { get; private init; }

    /// <summary>Where the programs and their packages are.</summary>
    public static string Folder { get; } = typeof(PeerProfile).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "PeersFolder").Value!;

    public static PeerProfile Named(string name) => All.Single(profile => profile.Name == name);

    /// <summary>What this machine lacks to run the peer, as a sentence, or null when it lacks nothing.</summary>
    public string? MissingRequirement()
    {
        if (!IsOnPath("node"))
            return "Node.js is not installed.";
        if (!Directory.Exists(Path.Combine(Folder, "node_modules", Package)))
            return $"The npm package {Package} is not installed; run 'npm ci' in tests/Registry.Interop.Tests/peers.";
        if (NeedsChromium && !File.Exists(ChromiumPath))
            return $"Chromium is not installed at {ChromiumPath}; set CHROMIUM to its path.";
        return null;
    }

    private static string ChromiumPath => Environment.GetEnvironmentVariable("CHROMIUM") ?? "/usr/bin/chromium";

    private static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));
}
