using Registry.WebRtc.Net;

namespace Registry.WebRtc.Ice;

internal enum IceEventKind
{
    /// <summary>The agent's state changed to <see cref="IceEvent.State"/>.</summary>
    StateChanged,
    /// <summary>Data goes to another remote address now.</summary>
    SelectedPairChanged,
    /// <summary>An authenticated check or response came from the address for the first time.</summary>
    RemoteAddressLearned,
    /// <summary>The agent dropped the pair with a learned address.</summary>
    RemoteAddressForgotten,
}

/// <summary>Something the owner of the agent has to know.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="State">The agent's state after it.</param>
/// <param name="Remote">The address concerned; default for <see cref="IceEventKind.StateChanged"/>.</param>
internal readonly record struct IceEvent(IceEventKind Kind, IceConnectionState State, TransportAddress Remote);
