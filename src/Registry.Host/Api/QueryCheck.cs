using Microsoft.OpenApi;
using Registry.Host.Api.Description;

namespace Registry.Host.Api;

/// <summary>Refuses arguments that a call does not have: a misspelt one would mean all where some are meant. Calls that take none ignore them.</summary>
internal static class QueryCheck
{
    /// <summary>Behind the authorization, so that strangers learn nothing.</summary>
    public static void UseQueryCheck(this WebApplication application) => application.Use((context, next) =>
        context.Request.Query.Count > 0 && context.GetEndpoint()?.Metadata.GetMetadata<OperationDescription>() is { } call && WhyRefused(call, context.Request.Query) is { } problem
            ? problem.ExecuteAsync(context)
            : next(context));

    private static Problem? WhyRefused(OperationDescription call, IQueryCollection query)
    {
        string[] known = [.. call.Arguments.Where(argument => argument.In == ParameterLocation.Query).Select(argument => argument.Name)];
        return known.Length > 0 && query.Keys.FirstOrDefault(given => !known.Contains(given, StringComparer.OrdinalIgnoreCase)) is { } unknown
            ? Problem.InvalidRequest(unknown, $"'{unknown}' is unknown in the query; known are {string.Join(", ", known)}.")
            : null;
    }
}
