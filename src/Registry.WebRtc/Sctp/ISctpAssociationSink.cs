namespace Registry.WebRtc.Sctp;

/// <summary>Where an association is in its life (RFC 9260 §4).</summary>
internal enum SctpAssociationState
{
    Closed,
    CookieWait,
    CookieEchoed,
    Established,
    ShutdownPending,
    ShutdownSent,
    ShutdownReceived,
    ShutdownAckSent,
}

/// <summary>What ended an association.</summary>
internal enum SctpCloseCause
{
    LocalShutdown,
    RemoteShutdown,
    LocalAbort,
    RemoteAbort,
    /// <summary>The peer did not answer.</summary>
    Timeout,
    /// <summary>The peer broke the protocol, or restarted, which a DTLS connection does not allow.</summary>
    ProtocolViolation,
}

/// <summary>Takes what an association tells its user. Calls come from inside the association's own methods.</summary>
internal interface ISctpAssociationSink : IReassemblySink
{
    void OnEstablished();

    /// <summary>The peer reset its outgoing streams with these ids; none means all.</summary>
    void OnIncomingStreamsReset(ReadOnlySpan<ushort> streamIds);

    /// <summary>The peer asks this side to reset these outgoing streams; none means all.</summary>
    void OnResetRequested(ReadOnlySpan<ushort> streamIds);

    /// <summary>The peer confirmed the reset of an outgoing stream.</summary>
    void OnOutgoingStreamReset(ushort streamId);

    /// <summary>Sending was refused before and the send buffer has drained to half.</summary>
    void OnSendBufferLow();

    /// <summary>The association has ended; called once.</summary>
    void OnClosed(SctpCloseCause cause, string reason);
}
