using System.Buffers.Binary;
using System.Security.Cryptography;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl;

namespace Registry.WebRtc.Dtls;

/// <summary>
/// AES-GCM protection of the records of epoch 1 (RFC 5288). The handshake uses it through BouncyCastle's <see cref="TlsCipher"/>;
/// after the handshake the session alone uses the span methods, which work in place and allocate nothing.
/// </summary>
/// <remarks>
/// The explicit nonce of a record is its epoch and sequence number, so a nonce is unique as long as a sequence number is. BouncyCastle
/// counts them during the handshake and this cipher follows; <see cref="TakeOver"/> ends that and continues the count here.
/// Not thread-safe: the handshake thread has it until <see cref="TakeOver"/>, the owner of the session afterwards.
/// </remarks>
internal sealed class DtlsRecordCipher : TlsCipher, IDisposable
{
    /// <summary>Bytes of the explicit part of the nonce, in front of the ciphertext.</summary>
    public const int ExplicitNonceLength = 8;

    /// <summary>Bytes of the authentication tag, behind the ciphertext.</summary>
    public const int TagLength = 16;

    private const int SaltLength = 4;
    private const int NonceLength = SaltLength + ExplicitNonceLength;
    private const int AdditionalDataLength = 13;
    private const int Expansion = ExplicitNonceLength + TagLength;

    private readonly AesGcm encryptor;
    private readonly AesGcm decryptor;
    private readonly uint encryptorSalt;
    private readonly uint decryptorSalt;
    private ulong nextEpochAndSequence = 1UL << 48;
    private byte[] finished = [];
    private bool takenOver;

    /// <summary>Derives the keys of both directions from the handshake's master secret (RFC 5246 §6.3).</summary>
    /// <param name="parameters">The handshake.</param>
    /// <param name="keyLength">16 for AES-128, 32 for AES-256.</param>
    public DtlsRecordCipher(TlsCryptoParameters parameters, int keyLength)
    {
        Span<byte> keys = stackalloc byte[2 * (keyLength + SaltLength)];
        TlsImplUtilities.CalculateKeyBlock(parameters, keys);
        var clientKey = new AesGcm(keys[..keyLength], TagLength);
        var serverKey = new AesGcm(keys.Slice(keyLength, keyLength), TagLength);
        var clientSalt = BinaryPrimitives.ReadUInt32BigEndian(keys[(2 * keyLength)..]);
        var serverSalt = BinaryPrimitives.ReadUInt32BigEndian(keys[((2 * keyLength) + SaltLength)..]);
        CryptographicOperations.ZeroMemory(keys);
        (encryptor, decryptor) = parameters.IsServer ? (serverKey, clientKey) : (clientKey, serverKey);
        (encryptorSalt, decryptorSalt) = parameters.IsServer ? (serverSalt, clientSalt) : (clientSalt, serverSalt);
    }

    /// <inheritdoc/>
    public bool UsesOpaqueRecordType => false;

    /// <summary>The handshake is over: BouncyCastle writes nothing more, sequence numbers are allocated here.</summary>
    /// <returns>This side's Finished message, for a server that has to send its last flight again.</returns>
    public byte[] TakeOver()
    {
        takenOver = true;
        return finished;
    }

    /// <summary>Encrypts a record in place and writes its header.</summary>
    /// <param name="type">Content type.</param>
    /// <param name="record">Plaintext at <see cref="DtlsSession.PlaintextOffset"/>, with room for the tag behind it.</param>
    /// <param name="plaintextLength">Bytes of plaintext.</param>
    /// <returns>Length of the record in bytes.</returns>
    public int Protect(DtlsContentType type, Span<byte> record, int plaintextLength)
    {
        if (!takenOver)
            throw new InvalidOperationException("The handshake still numbers the records.");
        if (nextEpochAndSequence >> 48 != 1)
            throw new InvalidOperationException("All sequence numbers of the epoch are used up (RFC 6347 §4.1).");
        var header = new DtlsRecordHeader(type, DtlsRecordHeader.Dtls12, nextEpochAndSequence++, plaintextLength + Expansion);
        header.Write(record);
        Encrypt(header, record.Slice(DtlsRecordHeader.Size, header.BodyLength));
        return header.RecordLength;
    }

    /// <summary>Verifies and decrypts a record in place.</summary>
    /// <param name="header">The record's header.</param>
    /// <param name="record">Header and body.</param>
    /// <param name="plaintext">The part of <paramref name="record"/> that now holds the plaintext.</param>
    /// <returns>False when it is not an authentic record of epoch 1; its bytes are then undefined.</returns>
    public bool TryUnprotect(DtlsRecordHeader header, Span<byte> record, out Span<byte> plaintext)
    {
        plaintext = default;
        if (header.Epoch != 1 || header.Version != DtlsRecordHeader.Dtls12 || header.BodyLength < Expansion)
            return false;
        return TryDecrypt(header, record.Slice(DtlsRecordHeader.Size, header.BodyLength), out plaintext);
    }

    /// <inheritdoc/>
    public TlsEncodeResult EncodePlaintext(long seqNo, short contentType, ProtocolVersion recordVersion, int headerAllocation,
        ReadOnlySpan<byte> plaintext)
    {
        if (takenOver || (ulong)seqNo < nextEpochAndSequence || !ProtocolVersion.DTLSv12.Equals(recordVersion))
            throw new TlsFatalAlert(AlertDescription.internal_error);
        nextEpochAndSequence = (ulong)seqNo + 1;
        if (contentType == ContentType.handshake)
            finished = plaintext.ToArray();
        var record = new byte[headerAllocation + plaintext.Length + Expansion];
        plaintext.CopyTo(record.AsSpan(headerAllocation + ExplicitNonceLength));
        var header = new DtlsRecordHeader((DtlsContentType)contentType, DtlsRecordHeader.Dtls12, (ulong)seqNo, plaintext.Length + Expansion);
        Encrypt(header, record.AsSpan(headerAllocation));
        return new TlsEncodeResult(record, 0, record.Length, contentType);
    }

    /// <inheritdoc/>
    public TlsEncodeResult EncodePlaintext(long seqNo, short contentType, ProtocolVersion recordVersion, int headerAllocation,
        byte[] plaintext, int offset, int len) =>
        EncodePlaintext(seqNo, contentType, recordVersion, headerAllocation, plaintext.AsSpan(offset, len));

    /// <inheritdoc/>
    public TlsDecodeResult DecodeCiphertext(long seqNo, short recordType, ProtocolVersion recordVersion, byte[] ciphertext, int offset, int len)
    {
        var header = new DtlsRecordHeader((DtlsContentType)recordType, DtlsRecordHeader.Dtls12, (ulong)seqNo, len);
        if (len < Expansion || !ProtocolVersion.DTLSv12.Equals(recordVersion) || !TryDecrypt(header, ciphertext.AsSpan(offset, len), out var plaintext))
            throw new TlsFatalAlert(AlertDescription.bad_record_mac);
        return new TlsDecodeResult(ciphertext, offset + ExplicitNonceLength, plaintext.Length, recordType);
    }

    /// <inheritdoc/>
    public int GetCiphertextDecodeLimit(int plaintextLimit) => plaintextLimit + Expansion;

    /// <inheritdoc/>
    public int GetCiphertextEncodeLimit(int plaintextLength, int plaintextLimit) => Math.Min(plaintextLength, plaintextLimit) + Expansion;

    /// <inheritdoc/>
    public int GetPlaintextLimit(int ciphertextLimit) => ciphertextLimit - Expansion;

    /// <inheritdoc/>
    public void RekeyDecoder() => throw new TlsFatalAlert(AlertDescription.internal_error);

    /// <inheritdoc/>
    public void RekeyEncoder() => throw new TlsFatalAlert(AlertDescription.internal_error);

    /// <summary>Releases the keys.</summary>
    public void Dispose()
    {
        encryptor.Dispose();
        decryptor.Dispose();
    }

    private void Encrypt(DtlsRecordHeader header, Span<byte> body)
    {
        BinaryPrimitives.WriteUInt64BigEndian(body, header.EpochAndSequence);
        Span<byte> nonce = stackalloc byte[NonceLength];
        Span<byte> additionalData = stackalloc byte[AdditionalDataLength];
        WriteNonce(nonce, encryptorSalt, body);
        WriteAdditionalData(additionalData, header);
        var text = body[ExplicitNonceLength..^TagLength];
        encryptor.Encrypt(nonce, text, text, body[^TagLength..], additionalData);
    }

    private bool TryDecrypt(DtlsRecordHeader header, Span<byte> body, out Span<byte> plaintext)
    {
        Span<byte> nonce = stackalloc byte[NonceLength];
        Span<byte> additionalData = stackalloc byte[AdditionalDataLength];
        WriteNonce(nonce, decryptorSalt, body);
        WriteAdditionalData(additionalData, header);
        plaintext = body[ExplicitNonceLength..^TagLength];
        try
        {
            decryptor.Decrypt(nonce, plaintext, body[^TagLength..], plaintext, additionalData);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            plaintext = default;
            return false;
        }
    }

    private static void WriteNonce(Span<byte> nonce, uint salt, ReadOnlySpan<byte> body)
    {
        BinaryPrimitives.WriteUInt32BigEndian(nonce, salt);
        body[..ExplicitNonceLength].CopyTo(nonce[SaltLength..]);
    }

    // RFC 5246 §6.2.3.3: sequence number, type, version, length of the plaintext.
    private static void WriteAdditionalData(Span<byte> destination, DtlsRecordHeader header)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, header.EpochAndSequence);
        destination[8] = (byte)header.Type;
        BinaryPrimitives.WriteUInt16BigEndian(destination[9..], header.Version);
        BinaryPrimitives.WriteUInt16BigEndian(destination[11..], (ushort)(header.BodyLength - Expansion));
    }
}
