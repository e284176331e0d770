using Registry.Actors;
using Registry.WebRtc.SipSorcery;

namespace Registry.Host.Serving.Stacks;

internal static partial class WebRtcStacks
{
    static partial void AddSipSorcery(Dictionary<WebRtcStackKind, AvailableStack> stacks) =>
        stacks.Add(WebRtcStackKind.SipSorcery, new(SipSorceryPeerConnectionFactory.SupportedCapabilities, SipSorceryPeerConnectionFactory.Create));
}
