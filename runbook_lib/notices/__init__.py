"""Telling people what a run came to: verdict, counts and a link, never keys or contents."""
