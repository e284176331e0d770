namespace Registry.WebRtc.Dtls;

/// <summary>What a <see cref="DtlsSession"/> needs from the peer connection that owns it.</summary>
/// <remarks>
/// No lock of the session is held while these are called, and they must not throw. One from another thread than the owner's that was
/// on its way when the owner called <see cref="DtlsSession.Dispose"/> still arrives; the owner ignores it.
/// </remarks>
internal interface IDtlsTransport
{
    /// <summary>Sends one datagram of handshake, change_cipher_spec or alert records.</summary>
    /// <remarks>Called from the handshake thread; after the handshake from <see cref="DtlsSession.TryReadApplicationData"/>.</remarks>
    void SendHandshakeDatagram(ReadOnlySpan<byte> datagram);

    /// <summary>
    /// The handshake is complete; called once, from the handshake thread. <see cref="DtlsSession.Protect"/> works from now on, and
    /// <see cref="DtlsSession.TryReadEarlyDatagram"/> must be read to its end before data is received.
    /// </summary>
    void OnHandshakeCompleted();

    /// <summary>
    /// The session failed; called at most once, and instead of <see cref="OnHandshakeCompleted"/> when the handshake failed. From the
    /// handshake thread, from a timer's, or from <see cref="DtlsSession.TryReadApplicationData"/>.
    /// </summary>
    void OnFailed(PeerConnectionFailure failure);

    /// <summary>The peer closed its side; called at most once, from <see cref="DtlsSession.TryReadApplicationData"/>.</summary>
    void OnCloseNotify();
}
