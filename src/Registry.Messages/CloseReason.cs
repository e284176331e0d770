namespace Registry.Messages;

/// <summary>Why a connection, channel or tube ended. One byte on the wire; the numbers are for ever, new ones start at 64.</summary>
public enum CloseReason : byte
{
    /// <summary>Orderly end.</summary>
    Normal = 0,
    /// <summary>Something broke and no closer reason is known.</summary>
    Error = 1,
    /// <summary>Something took too long.</summary>
    Timeout = 2,
    /// <summary>The serving side refused.</summary>
    ServerRefuse = 4,
    /// <summary>The client ended it.</summary>
    Client = 5,
    /// <summary>No known reason; what an unknown number becomes.</summary>
    Unknown = 6,
    /// <summary>A malformed Guacamole instruction.</summary>
    InvalidInstruction = 7,
    /// <summary>guacd refused.</summary>
    GuacdRefuse = 8,
    /// <summary>A link that was up was lost.</summary>
    ConnectionLost = 9,
    /// <summary>A link could not be made.</summary>
    ConnectionFailed = 10,
    /// <summary>The tunnel was torn down.</summary>
    TunnelClosed = 11,
    /// <summary>Closed by an administrator.</summary>
    AdminClosed = 12,
    /// <summary>The session's recording failed.</summary>
    ErrorRecording = 13,
    /// <summary>guacd reported an error.</summary>
    GuacdError = 14,
    /// <summary>Closed by automated analysis.</summary>
    AIClosed = 15,
    /// <summary>A name did not resolve.</summary>
    AddressResolutionFailed = 16,
    /// <summary>Encrypted parameters could not be read.</summary>
    DecryptionFailed = 17,
    /// <summary>The settings are wrong.</summary>
    ConfigurationError = 18,
    /// <summary>The peer broke the channel's wire format.</summary>
    ProtocolError = 19,
    /// <summary>The target closed or reset the connection.</summary>
    UpstreamClosed = 20,
    /// <summary>A proxy failed.</summary>
    ProxyError = 21,
    /// <summary>An in-process handler failed.</summary>
    HandlerError = 22,
    /// <summary>An in-process handler detected a threat.</summary>
    SecurityThreat = 23,
    /// <summary>The node that held it stopped; another node, or this one later, can serve.</summary>
    NodeStopped = 64,
    /// <summary>No user bytes went either way for longer than the tube's idle limit.</summary>
    IdleTimeout = 65,
    /// <summary>The tube reached its age limit.</summary>
    AgeLimit = 66,
    /// <summary>Another tube, placed later, carries the conversation: one of the two had to go.</summary>
    Superseded = 67,
}

/// <summary>What each close reason means.</summary>
public static class CloseReasonFacts
{
    extension(CloseReason reason)
    {
        /// <summary>The number on the wire.</summary>
        public byte Code => (byte)reason;

        /// <summary>The reason's name, as in the closed list.</summary>
        public string Name => Facts(reason).Name;

        /// <summary>Whether someone should look into it.</summary>
        public bool IsCritical => Facts(reason).Critical;

        /// <summary>Whether trying again can help.</summary>
        public bool IsRetryable => Facts(reason).Retryable;

        /// <summary>A sentence for people.</summary>
        public string Message => Facts(reason).Message;

        /// <summary>The reason with this number; <see cref="CloseReason.Unknown"/> when the list has none.</summary>
        public static CloseReason FromCode(int code) =>
            code is >= 0 and <= 23 and not 3 or >= 64 and <= 67 ? (CloseReason)code : CloseReason.Unknown;
    }

    private static (string Name, bool Critical, bool Retryable, string Message) Facts(CloseReason reason) => reason switch
    {
        CloseReason.Normal => ("Normal", false, false, "Closed in order."),
        CloseReason.Error => ("Error", true, false, "An internal error ended it."),
        CloseReason.Timeout => ("Timeout", false, true, "Something took too long."),
        CloseReason.ServerRefuse => ("ServerRefuse", false, true, "The serving side refused."),
        CloseReason.Client => ("Client", false, false, "The client ended it."),
        CloseReason.InvalidInstruction => ("InvalidInstruction", false, false, "An instruction was malformed."),
        CloseReason.GuacdRefuse => ("GuacdRefuse", false, false, "guacd refused."),
        CloseReason.ConnectionLost => ("ConnectionLost", false, true, "The connection was lost."),
        CloseReason.ConnectionFailed => ("ConnectionFailed", false, true, "The connection could not be made."),
        CloseReason.TunnelClosed => ("TunnelClosed", false, false, "The tunnel was closed."),
        CloseReason.AdminClosed => ("AdminClosed", false, false, "An administrator closed it."),
        CloseReason.ErrorRecording => ("ErrorRecording", true, false, "The recording failed."),
        CloseReason.GuacdError => ("GuacdError", true, false, "guacd reported an error."),
        CloseReason.AIClosed => ("AIClosed", false, false, "Automated analysis closed it."),
        CloseReason.AddressResolutionFailed => ("AddressResolutionFailed", false, true, "The target's name did not resolve."),
        CloseReason.DecryptionFailed => ("DecryptionFailed", true, false, "Encrypted parameters could not be read."),
        CloseReason.ConfigurationError => ("ConfigurationError", true, false, "The settings are wrong."),
        CloseReason.ProtocolError => ("ProtocolError", true, false, "The peer broke the wire format."),
        CloseReason.UpstreamClosed => ("UpstreamClosed", false, false, "The target closed the connection."),
        CloseReason.ProxyError => ("ProxyError", true, false, "A proxy failed."),
        CloseReason.HandlerError => ("HandlerError", false, false, "A handler failed."),
        CloseReason.SecurityThreat => ("SecurityThreat", false, false, "A handler detected a threat."),
        CloseReason.NodeStopped => ("NodeStopped", false, true, "The node stopped."),
        CloseReason.IdleTimeout => ("IdleTimeout", false, true, "No user bytes went either way for too long."),
        CloseReason.AgeLimit => ("AgeLimit", false, true, "The tube reached its age limit."),
        CloseReason.Superseded => ("Superseded", false, true, "Another tube carries the conversation."),
        _ => ("Unknown", false, false, "The reason is not known."),
    };
}
