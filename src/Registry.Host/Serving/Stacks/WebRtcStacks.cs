using Akka.Configuration;
using Registry.Actors;
using Registry.WebRtc;

namespace Registry.Host.Serving.Stacks;

/// <summary>A WebRTC stack that this program was built with.</summary>
/// <param name="Capabilities">What its connections can do.</param>
/// <param name="Create">Makes a factory of it.</param>
internal sealed record AvailableStack(PeerConnectionCapabilities Capabilities, Func<PeerConnectionFactoryOptions, IPeerConnectionFactory> Create);

/// <summary>The WebRTC stacks that <c>registry.webrtc.stack</c> chooses from.</summary>
internal static partial class WebRtcStacks
{
    /// <summary>The key that chooses.</summary>
    public const string Key = "registry.webrtc.stack";

    /// <summary>What SIPSorcery is compiled in with.</summary>
    public const string SipSorceryFlag = "-p:WithSipSorcery=true";

    private static readonly Dictionary<WebRtcStackKind, AvailableStack> available = Available();

    /// <summary>Makes the factory that the settings choose.</summary>
    /// <exception cref="ConfigurationException">The build lacks the stack, or the stack what the settings ask for.</exception>
    /// <exception cref="NotSupportedException">The stack lacks what the other options ask for.</exception>
    public static IPeerConnectionFactory Create(RegistrySettings settings, PeerConnectionFactoryOptions options) => Find(settings).Create(settings.ApplyTo(options));

    /// <summary>Refuses settings that the stack they choose cannot follow.</summary>
    /// <exception cref="ConfigurationException">Which, naming the key.</exception>
    public static void Check(RegistrySettings settings)
    {
        var capabilities = Find(settings).Capabilities;
        Require(settings.TcpPort is null || capabilities.HasFlag(PeerConnectionCapabilities.TcpCandidates), settings, "registry.webrtc.tcp-port", "off");
        Require(settings.IceRelayCaFile is null || capabilities.HasFlag(PeerConnectionCapabilities.RelayAuthorities), settings, "registry.ice.relay-ca-file", "off");
    }

    /// <summary>Whether all tubes can share one UDP port that is chosen.</summary>
    public static bool HasUdpPort(RegistrySettings settings) => Find(settings).Capabilities.HasFlag(PeerConnectionCapabilities.SharedUdpPort);

    private static AvailableStack Find(RegistrySettings settings) => available.TryGetValue(settings.WebRtcStack, out var stack)
        ? stack
        : throw new SettingException(Key, $"{Key} = {Name(settings.WebRtcStack)}: this build has no SIPSorcery. Build it with {SipSorceryFlag}, or set {Key} = managed.", null);

    private static void Require(bool fulfilled, RegistrySettings settings, string key, string value)
    {
        if (!fulfilled)
            throw new SettingException(key, $"{key} must be {value} with {Key} = {Name(settings.WebRtcStack)}, which cannot do it.", null);
    }

    private static string Name(WebRtcStackKind stack) => stack switch { WebRtcStackKind.SipSorcery => "sipsorcery", _ => "managed" };

    private static Dictionary<WebRtcStackKind, AvailableStack> Available()
    {
        var stacks = new Dictionary<WebRtcStackKind, AvailableStack> { [WebRtcStackKind.Managed] = new(PeerConnectionCapabilities.All, PeerConnectionFactory.Create) };
        AddSipSorcery(stacks);
        return stacks;
    }

    /// <summary>Its other half is compiled with the flag only; without it there is nothing to call.</summary>
    static partial void AddSipSorcery(Dictionary<WebRtcStackKind, AvailableStack> stacks);
}
